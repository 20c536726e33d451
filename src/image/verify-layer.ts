/**
 * Verify a layer: is it still what was built?
 *
 * The lock's digest counts most, then the layer's own record. Where the digest is another one, the list of files says
 * which files it is; where that list was changed as well, that is said too.
 */
import { type Result, success } from "../result.ts";
import type { FileDifference, StepProblem, Verified } from "../step/index.ts";
import { readLayerRecord } from "./build-layer.ts";
import type { ImageContext } from "./resolve.ts";

export interface LayerCheck {
  readonly key: string;
  readonly name: string;
  readonly state: "whole" | "changed" | "absent" | "unlisted" | "other-than-locked";
  readonly digest: string;
  readonly expected: string;
  readonly bytes: number;
  readonly differences: readonly FileDifference[];
  readonly more: number;
  readonly listChanged: boolean;
}

/** @param locked - the digest that the lock says, where it says one */
export async function verifyLayer(
  key: string,
  locked: string | undefined,
  context: ImageContext,
): Promise<Result<LayerCheck, StepProblem>> {
  const { performer, store, watch } = context;
  const record = await readLayerRecord(key, context);
  const nothing = { key, digest: "", expected: locked ?? "", bytes: 0, differences: [], more: 0, listChanged: false };
  if (record === undefined) return success({ ...nothing, name: "", state: "absent" });
  const { name, digest: recorded, filesDigest } = record;
  const there = await performer.list(store.layer(key));
  if (recorded === undefined || !there.includes("files") || !there.includes("fs"))
    return success({ ...nothing, name, state: there.includes("fs") ? "unlisted" : "absent" });
  const done = await performer.perform(
    {
      kind: "work-on-tree",
      why: `verify ${name}`,
      task: { kind: "verify", tree: store.layerFs(key), files: store.layerFiles(key) },
    },
    watch,
  );
  if (!done.ok) return done;
  const found: Verified = JSON.parse(done.value.output);
  const isAsBuilt = found.digest === recorded && found.differences.length === 0 && found.filesDigest === filesDigest;
  const isAsLocked = locked === undefined || found.digest === locked;
  return success({
    key,
    name,
    state: isAsBuilt ? (isAsLocked ? "whole" : "other-than-locked") : "changed",
    digest: found.digest,
    expected: locked ?? recorded,
    bytes: found.bytes,
    differences: found.differences,
    more: found.more,
    listChanged: found.filesDigest !== filesDigest,
  });
}
