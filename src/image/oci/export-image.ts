/** Export: an image leaves the store as an OCI image layout, for whoever can read that. The image stays as it is. */
import { createHash, randomBytes } from "node:crypto";
import type { Recipe } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import { type StepProblem, toTheEnd } from "../../step/index.ts";
import { readLayerRecord } from "../build-layer.ts";
import type { Image } from "../image.ts";
import { readLockFile } from "../lock-image.ts";
import { type BadLock, writeLock } from "../lock-file.ts";
import type { ImageContext } from "../resolve.ts";
import { describeLayout, type LayoutSource } from "./describe-layout.ts";

/** Of a target's name, what the name beside it has: a file's name has an end. */
const NAME_LENGTH = 60;

export type ExportProblem =
  | StepProblem
  | BadLock
  | { readonly kind: "no-lock"; readonly recipe: string }
  | { readonly kind: "layer-not-there"; readonly recipe: string; readonly layer: string };

export interface ExportedImage {
  readonly recipe: string;
  /** SHA-256 of the manifest. */
  readonly manifest: string;
  readonly layers: number;
  readonly bytes: number;
}

/**
 * @param recipe - undefined where it is gone; the layout then names no program
 * @param target - clean absolute path, where nothing is
 */
export async function exportImage(
  image: Image,
  recipe: Recipe | undefined,
  target: string,
  context: ImageContext,
): Promise<Result<ExportedImage, ExportProblem>> {
  const { performer, store, watch, facts } = context;
  const layers: LayoutSource["layers"][number][] = [];
  for (const key of image.layers) {
    const record = await readLayerRecord(key, context);
    // Neither had layers that the first versions built.
    if (record?.digest === undefined || record.bytes === undefined)
      return refusal({ kind: "layer-not-there", recipe: image.recipe, layer: key });
    layers.push({ record, tree: store.layerFs(key) });
  }
  const settled = await settledBy(image, context);
  if (!settled.ok) return settled;
  const layout = describeLayout({
    image,
    layers,
    ...settled.value,
    summary: recipe?.summary ?? image.recipe,
    program: Object.values(recipe?.programs ?? {})[0],
    architecture: facts.architecture,
  });
  const form = target.endsWith(".tar") ? "tar" : "folder";
  const { manifest, documents } = layout;
  const done = await withNote(target, context, async (beside) => {
    const step = { kind: "export-image", target, beside, form, documents, layers: layout.layers } as const;
    return await performer.perform(step, watch);
  });
  if (!done.ok) return done;
  const bytes = layout.layers.reduce((sum, layer) => sum + layer.bytes, 0);
  return success({ recipe: image.recipe, manifest, layers: layers.length, bytes });
}

/** Says on the disk what is begun in somebody else's folder, so that it is found again if nobody gets to its end. */
async function withNote<Value>(
  target: string,
  { performer, store, watch }: ImageContext,
  act: (beside: string) => Promise<Result<Value, StepProblem>>,
): Promise<Result<Value, StepProblem>> {
  const id = randomBytes(4).toString("hex");
  const cut = target.lastIndexOf("/") + 1;
  const beside = `${target.slice(0, cut)}.${target.slice(cut, cut + NAME_LENGTH)}.${id}.part`;
  const note = `${store.exporting}/${id}`;
  const noted = await performer.perform({ kind: "write-file", path: note, mode: 0o600, content: beside }, watch);
  if (!noted.ok) return noted;
  try {
    return await act(beside);
  } finally {
    await performer.perform({ kind: "remove-tree", path: note }, toTheEnd(watch));
  }
}

/** Removes what exports have left that were killed. Nothing is being exported. */
export async function sweepExports({ performer, store, watch }: ImageContext): Promise<void> {
  for (const id of await performer.list(store.exporting)) {
    const note = `${store.exporting}/${id}`;
    const beside = await performer.readText(note);
    if (beside?.endsWith(`.${id}.part`) === true) await performer.perform({ kind: "remove-part", beside }, watch);
    await performer.perform({ kind: "remove-tree", path: note }, watch);
  }
}

async function settledBy(
  { recipe, imported }: Image,
  context: ImageContext,
): Promise<Result<Pick<LayoutSource, "created" | "lock">, ExportProblem>> {
  if (imported !== undefined) return success({ created: imported.created, lock: undefined });
  const lock = await readLockFile(context.store.recipeLock(recipe), context);
  if (!lock.ok) return lock;
  if (lock.value === undefined) return refusal({ kind: "no-lock", recipe });
  const times = lock.value.layers.map(({ resolved }) => resolved).toSorted();
  const text = createHash("sha256").update(writeLock(lock.value)).digest("hex");
  return success({ created: times.at(-1) ?? "", lock: text });
}
