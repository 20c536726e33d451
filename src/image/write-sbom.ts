/** Writes the SBOM beside an image's record. */
import { type Result, success } from "../result.ts";
import type { StepProblem } from "../step/index.ts";
import { LOCK_VERSION, type Lock, type LockedLayer } from "../model/index.ts";
import { readLayerRecord } from "./build-layer.ts";
import type { Image } from "./image.ts";
import { readLockFile } from "./lock-image.ts";
import type { ImageContext } from "./resolve.ts";
import { sbomOf } from "./sbom.ts";

/** @returns its text; empty where there is no lock to say what is in the image */
export async function writeSbom(image: Image, context: ImageContext): Promise<Result<string, StepProblem>> {
  const { performer, store, watch } = context;
  const lock = image.imported === undefined ? await lockOf(image, context) : await asLock(image, context);
  if (lock === undefined) return success("");
  const status = (await performer.readText(store.layerStatus(image.layers.at(-1) ?? ""))) ?? "";
  const document = sbomOf({ recipe: image.recipe, lock, status });
  const content = `${JSON.stringify(document, undefined, 1)}\n`;
  const path = store.sbom(image.recipe);
  if ((await performer.readText(path)) === content) return success(content);
  const written = await performer.perform({ kind: "write-file", path, mode: 0o644, content }, watch);
  return written.ok ? success(content) : written;
}

async function lockOf({ recipe }: Image, context: ImageContext): Promise<Lock | undefined> {
  const lock = await readLockFile(context.store.recipeLock(recipe), context);
  return lock.ok ? lock.value : undefined;
}

/** An image that was imported has no lock; what its layers' records say takes its place in the document. */
async function asLock({ base, layers, imported }: Image, context: ImageContext): Promise<Lock | undefined> {
  const records = await Promise.all(layers.map(async (key) => await readLayerRecord(key, context)));
  const locked = records.flatMap((record): readonly LockedLayer[] => {
    if (record === undefined) return [];
    const { name, packages, digest } = record;
    const nothing = { facts: {}, locale: undefined, wanted: [], repositories: [] };
    return [{ kind: "app", name, resolved: imported?.created ?? "", packages, digest, ...nothing }];
  });
  const { architecture } = context.facts;
  return locked.length === layers.length ? { version: LOCK_VERSION, base, architecture, layers: locked } : undefined;
}
