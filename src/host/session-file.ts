/**
 * Session files: the only files outside of Skerry's own folders that it writes or removes, at the places of
 * model/session-places.ts and under names that are Skerry's.
 *
 * Invariant: what is replaced or removed is, to the byte, what was decided upon. What has changed since, or is a link or
 * anything but a plain file, stays.
 */
import { rm } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { SESSION_FILE_PATTERN, type SessionPlaces } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";
import type { Step } from "../step/index.ts";
import { readTextIfThere, writeWhole } from "./files.ts";

export interface ChangedMeanwhile {
  readonly kind: "changed-meanwhile";
}

export async function replaceSessionFile(
  { path, before, content }: Extract<Step, { kind: "replace-session-file" }>,
  { units, applications }: SessionPlaces,
): Promise<Result<void, ChangedMeanwhile>> {
  const folder = dirname(path);
  if ((folder !== units && folder !== applications) || !SESSION_FILE_PATTERN.test(basename(path)))
    throw new Error(`a step wants to change ${path}, which is no session file`);
  if ((await readTextIfThere(path)) !== before) return refusal({ kind: "changed-meanwhile" });
  if (content === undefined) await rm(path, { force: true });
  else await writeWhole(path, content, 0o644);
  return success(undefined);
}
