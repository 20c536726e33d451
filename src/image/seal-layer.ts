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
  const others = (await performer.list(store.layers)).filter((other) => other !== key);
  const candidates = others.map((other) => ({ tree: store.layerFs(other), files: store.layerFiles(other) }));
  const task = { kind: "seal", tree: `${folder}/fs`, files: `${folder}/files`, candidates } as const;
  watch.report({ kind: "phase", text: `sealing ${layer.name}` });
  const quiet = { ...watch, report: () => {} };
  const done = await performer.perform({ kind: "work-on-tree", why: `seal ${layer.name}`, task }, quiet);
  if (!done.ok) return done;
  const sealed: Sealed = JSON.parse(done.value.output);
  return sealed.refused.length > 0 ? refusal({ kind: "special-files", files: sealed.refused }) : success(sealed);
}
