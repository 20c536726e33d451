/**
 * Settle a lock: it comes to say which digest each of its layers has.
 *
 * The first build of a lock writes its digests into it. A later build that gives another one is not refused, since some
 * packages make something random when they are installed; but it is said to the owner and goes into the audit, and the
 * lock keeps what it said first.
 */
import type { Lock, LockedLayer } from "../model/index.ts";
import { type Result, success } from "../result.ts";
import type { StepProblem } from "../step/index.ts";
import { readLayerRecord } from "./build-layer.ts";
import type { Image } from "./image.ts";
import { type BadLock, readLock, writeLock } from "./lock-file.ts";
import type { ImageContext } from "./resolve.ts";
import { addsNothing } from "./stack.ts";

export interface OtherDigest {
  readonly layer: string;
  readonly locked: string;
  readonly built: string;
}

/** @returns layers that differ from what the lock said before */
export async function settleLock(
  image: Image,
  context: ImageContext,
): Promise<Result<readonly OtherDigest[], StepProblem | BadLock>> {
  const { performer, store, watch } = context;
  const path = store.recipeLock(image.recipe);
  const text = await performer.readText(path);
  if (text === undefined) return success([]);
  const read = readLock(text, path);
  if (!read.ok) return read;
  const differing: OtherDigest[] = [];
  const layers: LockedLayer[] = [];
  let index = 0;
  for (const layer of read.value.layers) {
    const key = isBuilt(read.value, layer) ? image.layers[index++] : undefined;
    const built = key === undefined ? undefined : (await readLayerRecord(key, context))?.digest;
    if (layer.digest !== undefined && built !== undefined && layer.digest !== built)
      differing.push({ layer: layer.name, locked: layer.digest, built });
    layers.push(layer.digest === undefined && built !== undefined ? { ...layer, digest: built } : layer);
  }
  for (const { layer, locked, built } of differing)
    watch.report({
      kind: "note",
      text: `${layer} was built from the same packages and is not the same: the lock says ${locked}, this is ${built}`,
    });
  const content = writeLock({ ...read.value, layers });
  if (content === text) return success(differing);
  const written = await performer.perform({ kind: "write-file", path, mode: 0o644, content }, watch);
  return written.ok ? success(differing) : written;
}

/** The layers of a lock that an image has, in its order. */
export function builtLayers(lock: Lock): readonly LockedLayer[] {
  return lock.layers.filter((layer) => isBuilt(lock, layer));
}

/** A layer above the base that adds nothing is none. */
function isBuilt(lock: Lock, layer: LockedLayer): boolean {
  return layer === lock.layers[0] || !addsNothing(layer);
}
