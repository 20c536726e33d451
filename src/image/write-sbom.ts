/** Writes the SBOM beside an image's record. */
import { type Result, success } from "../result.ts";
import type { StepProblem } from "../step/index.ts";
import type { Image } from "./image.ts";
import { readLockFile } from "./lock-image.ts";
import type { ImageContext } from "./resolve.ts";
import { sbomOf } from "./sbom.ts";

/** @returns its text; empty where there is no lock to say what is in the image */
export async function writeSbom(image: Image, context: ImageContext): Promise<Result<string, StepProblem>> {
  const { performer, store, watch } = context;
  const lock = await readLockFile(store.recipeLock(image.recipe), context);
  if (!lock.ok || lock.value === undefined) return success("");
  const status = (await performer.readText(store.layerStatus(image.layers.at(-1) ?? ""))) ?? "";
  const document = sbomOf({ recipe: image.recipe, lock: lock.value, status });
  const content = `${JSON.stringify(document, undefined, 1)}\n`;
  const path = store.sbom(image.recipe);
  if ((await performer.readText(path)) === content) return success(content);
  const written = await performer.perform({ kind: "write-file", path, mode: 0o644, content }, watch);
  return written.ok ? success(content) : written;
}
