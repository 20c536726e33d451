/**
 * Unfinished: what a change of a running app's view has begun, written beside its start before anything is taken away or the
 * app stands still, and removed when all is done. Where it is found, an agent was killed in between (finish-folders.ts).
 */
import type { Gone, Mount } from "../../host/index.ts";
import type { CompartmentSpec } from "../../model/index.ts";
import { type AgentContext, QUIET } from "../context.ts";
import { startFolder } from "./in-force.ts";

export interface Unfinished {
  /** Undefined where one file is shown anew, which is seen to by itself. */
  readonly request: string | undefined;
  /** Where a view is put together. */
  readonly staging: string;
  /** What is taken away, if who still holds something of it is to be ended. */
  readonly gone: Gone | undefined;
  /** The app stands still for it, and goes on afterwards. */
  readonly still: boolean;
}

export async function writeUnfinished(spec: CompartmentSpec, one: Unfinished, context: AgentContext): Promise<void> {
  const gone = one.gone && { mounts: one.gone.mounts, hostIds: [...one.gone.hostIds] };
  const content = JSON.stringify({ ...one, gone });
  const path = fileOf(spec, context);
  const done = await context.performer.perform({ kind: "write-file", path, mode: 0o600, content }, QUIET);
  if (!done.ok) throw new Error(`${path} could not be written`);
}

export async function dropUnfinished(spec: CompartmentSpec, context: AgentContext): Promise<void> {
  await context.performer.perform({ kind: "remove-tree", path: fileOf(spec, context) }, QUIET);
}

/** @returns undefined where nothing was begun */
export async function readUnfinished(spec: CompartmentSpec, context: AgentContext): Promise<Unfinished | undefined> {
  const text = await context.performer.readText(fileOf(spec, context));
  if (text === undefined) return undefined;
  interface Written extends Omit<Unfinished, "gone"> {
    readonly gone?: { readonly mounts: readonly Mount[]; readonly hostIds: readonly number[] };
  }
  const { request, staging, gone, still }: Written = JSON.parse(text);
  return { request, staging, still, gone: gone && { mounts: gone.mounts, hostIds: new Set(gone.hostIds) } };
}

function fileOf(spec: CompartmentSpec, context: AgentContext): string {
  return `${startFolder(spec, context)}/unfinished.json`;
}
