/** Staleness: why an image that is built is not what the next start would take. */
import type { HostFacts } from "../model/index.ts";
import { changedFacts, fits } from "./fits.ts";
import type { Image } from "./image.ts";
import { type ImageWanted, readLockFile } from "./lock-image.ts";
import type { ImageContext } from "./resolve.ts";
import { stackKeys } from "./stack.ts";

type Context = Pick<ImageContext, "performer" | "store"> & { readonly facts: HostFacts };

/** @returns reasons as words, such as `the recipe has changed`; none where the image is what is wanted now */
export async function staleBecause(image: Image, wanted: ImageWanted, context: Context): Promise<readonly string[]> {
  const { performer, store, facts } = context;
  const there = new Set(await performer.list(store.layers));
  const missing = (keys: readonly string[]) => (keys.every((key) => there.has(key)) ? [] : ["a layer is missing"]);
  if (wanted.recipe.imported !== image.imported?.manifest) return ["the recipe has changed"];
  if (image.imported !== undefined) return missing(image.layers);
  const lock = await readLockFile(store.recipeLock(image.recipe), context);
  if (!lock.ok || lock.value === undefined) return ["it has no lock"];
  if (lock.value.base !== wanted.base.name) return [`it is to stand on ${wanted.base.name}`];
  if (!fits(lock.value, wanted, facts)) {
    const changed = changedFacts(lock.value, wanted, facts);
    return changed.length > 0 ? [`the host has changed (${changed.join("; ")})`] : ["the recipe has changed"];
  }
  const keys = stackKeys(lock.value.layers, wanted.base, lock.value.architecture);
  if (JSON.stringify(keys) !== JSON.stringify(image.layers)) return ["the lock has changed"];
  return missing(keys);
}
