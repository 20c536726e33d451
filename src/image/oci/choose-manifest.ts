/** Choose a manifest: which of a layout's images is meant on this machine. Pure but for the reading of nested indexes. */
import { type Result, refusal, success } from "../../result.ts";
import type { BlobWanted, ManifestOffered } from "./read-layout.ts";

export interface NoSuchImage {
  readonly kind: "no-such-image";
  readonly source: string;
  readonly architecture: string;
  readonly tag: string | undefined;
  /** What there is: `1.2 (linux/arm64)`. */
  readonly offered: readonly string[];
}

/** @param nested - reads an index that the first one names */
export async function chooseManifest<Problem extends { readonly kind: string }>(
  offered: readonly ManifestOffered[],
  wanted: { readonly source: string; readonly architecture: string; readonly tag: string | undefined },
  nested: (index: BlobWanted) => Promise<Result<readonly ManifestOffered[], Problem>>,
): Promise<Result<BlobWanted, Problem | NoSuchImage>> {
  const tagged = wanted.tag === undefined ? offered : offered.filter(({ tag }) => tag === wanted.tag);
  const all: ManifestOffered[] = [];
  for (const each of tagged) {
    if (each.kind === "manifest") all.push(each);
    else {
      const below = await nested(each);
      if (!below.ok) return below;
      all.push(...below.value.filter(({ kind }) => kind === "manifest").map((one) => ({ ...one, tag: each.tag })));
    }
  }
  const fitting = all.filter(({ platform }) => platform === undefined || platform === `linux/${wanted.architecture}`);
  const [only, ...others] = new Map(fitting.map((each) => [each.sha256, each])).values();
  if (only !== undefined && others.length === 0) return success(only);
  const names = (fitting.length > 0 ? fitting : tagged.length > 0 ? all : offered).map(
    ({ tag = "without a name", platform }) => `${tag}${platform === undefined ? "" : ` (${platform})`}`,
  );
  return refusal({ kind: "no-such-image", ...wanted, offered: [...new Set(names)].slice(0, 20) });
}
