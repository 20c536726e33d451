/** Seal a layer: at the end of its build, where only the build knows it, it gets its digest and shares what is equal. */
import { type Result, refusal, success } from "../result.ts";
import type { Sealed, StepProblem } from "../step/index.ts";
import type { ImageContext } from "./resolve.ts";

export type SealProblem = StepProblem | { readonly kind: "special-files"; readonly files: readonly string[] };

export async function sealLayer(
  { key, layer }: { readonly key: string; readonly layer: { readonly name: string } },
  folder: string,
  { performer, store, watch }: ImageContext,
): Promise<Result<Sealed, SealProblem>> {
  const own = { tree: `${folder}/fs`, files: `${folder}/files` };
  const seal = { kind: "work-on-tree", why: `seal ${layer.name}`, task: { kind: "seal", ...own } } as const;
  watch.report({ kind: "phase", text: `sealing ${layer.name}` });
  const quiet = { ...watch, report: () => {} };
  const done = await performer.perform(seal, quiet);
  if (!done.ok) return done;
  const sealed: Sealed = JSON.parse(done.value.output);
  if (sealed.refused.length > 0) return refusal({ kind: "special-files", files: sealed.refused });

  const others = (await performer.list(store.layers)).filter((other) => other !== key);
  if (others.length === 0) return success(sealed);
  const candidates = others.map((other) => ({ tree: store.layerFs(other), files: store.layerFiles(other) }));
  const link = {
    kind: "work-on-tree",
    why: `share files of ${layer.name}`,
    task: { kind: "link", ...own, candidates },
  } as const;
  const shared = await performer.perform(link, quiet);
  return shared.ok ? success(sealed) : shared;
}
