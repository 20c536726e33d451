/** Image diff: in which packages and files two images differ. */
import { diffPackages, type Image, type PackageChange } from "../../image/index.ts";
import type { Lock } from "../../model/index.ts";
import { type Result, success } from "../../result.ts";
import type { Compared, FileDifference, StepProblem } from "../../step/index.ts";
import { findBase } from "../catalogue.ts";
import { type AgentContext, QUIET } from "../context.ts";

export interface ImageVersion {
  readonly image: Image;
  readonly lock: Lock;
}

export interface ImageDiff {
  readonly packages: readonly PackageChange[];
  readonly files: readonly FileDifference[];
  readonly more: number;
}

export async function diffImages(
  left: ImageVersion,
  right: ImageVersion,
  context: AgentContext,
): Promise<Result<ImageDiff, StepProblem>> {
  const { store, performer } = context;
  const base = await findBase(right.image.base, context);
  const packages = diffPackages(left.lock, right.lock, base.ok ? base.value : undefined);
  const lists = ({ image }: ImageVersion) => image.layers.map((key) => store.layerFiles(key));
  const task = { kind: "diff", left: lists(left), right: lists(right) } as const;
  const done = await performer.perform({ kind: "work-on-tree", why: "compare images", task }, QUIET);
  if (!done.ok) return done;
  const compared: Compared = JSON.parse(done.value.output);
  return success({ packages, files: compared.differences, more: compared.more });
}
