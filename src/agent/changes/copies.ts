/**
 * Copies: the folders of an instance that were granted as `copy`, and since when the app knows the real ones.
 *
 * What is written to a copy lies in `copies/INSTANCE/REQUEST/upper`. Beside it `state.json` says of which folder it is a
 * copy, and which start of the app could first see what lies below each change: what was changed in the real folder
 * later is a conflict, since the app did not know of it.
 *
 * Invariant: what is in `state.json` was found before the start that it tells of.
 */
import { changeTime, readUpper } from "../../host/index.ts";
import type { KnownTimes } from "../../host/index.ts";
import { COPY_UPPER, copyFolder, NAME_PATTERN } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import type { StepProblem } from "../../step/index.ts";
import { type AgentContext, QUIET } from "../context.ts";

export interface CopyState {
  readonly version: 1;
  /** The real folder. */
  readonly source: string;
  readonly known: KnownTimes;
}

export interface CopyOfAnother {
  readonly kind: "copy-of-another";
  readonly instance: string;
  readonly request: string;
  readonly folder: string;
  readonly wanted: string;
}

/** Paths of a copy that are noted; those beyond count from its first start. */
const NOTED_PATHS = 20_000;

/** Bytes of all that is noted: below what is read of a file of Skerry's own. */
const NOTED_BYTES = 4 * 1024 * 1024;

/** Entries that are looked at to say how much there is. */
const COUNTED = 100_000;

/** Names of the requests of which an instance has copies. */
export async function copiesOf({ performer, places }: AgentContext, instance: string): Promise<readonly string[]> {
  if (!NAME_PATTERN.test(instance)) return [];
  return (await performer.list(`${places.data}/copies/${instance}`)).filter((name) => NAME_PATTERN.test(name));
}

export async function readCopyState(
  { performer, places }: AgentContext,
  instance: string,
  request: string,
): Promise<CopyState | undefined> {
  const text = await performer.readText(`${copyFolder(places, instance, request)}/state.json`);
  return text === undefined ? undefined : JSON.parse(text);
}

interface CopySize {
  readonly files: number;
  readonly bytes: number;
  readonly cut: boolean;
}

/** All copies of an instance with what waits in them. */
export async function listCopies(context: AgentContext, instance: string) {
  const requests = await copiesOf(context, instance);
  return await Promise.all(
    requests.map(async (request) => {
      const state = await readCopyState(context, instance, request);
      const { files, bytes, cut } = await copySize(context, instance, request);
      return { request, folder: state?.source ?? "", files, bytes, more: cut };
    }),
  );
}

export async function copySize({ places }: AgentContext, instance: string, request: string): Promise<CopySize> {
  return await readUpper(`${copyFolder(places, instance, request)}/${COPY_UPPER}`, COUNTED, true);
}

/**
 * Notes a start of an app on a copy, before its wall stands.
 *
 * Problems
 * - `copy-of-another`: changes of another folder wait there
 */
export async function noteStart(
  context: AgentContext,
  { instance, request, source }: { readonly instance: string; readonly request: string; readonly source: string },
): Promise<Result<void, StepProblem | CopyOfAnother>> {
  const { performer, places } = context;
  const folder = copyFolder(places, instance, request);
  const upper = await readUpper(`${folder}/${COPY_UPPER}`, NOTED_PATHS, false);
  const before = await readCopyState(context, instance, request);
  if (before !== undefined && upper.paths.length > 0 && before.source !== source)
    return refusal({ kind: "copy-of-another", instance, request, folder: before.source, wanted: source });
  // By the clock that stamps files: it runs a little behind the one that programs ask.
  const marker = `${folder}/started`;
  const marked = await performer.perform({ kind: "write-file", path: marker, mode: 0o600, content: "" }, QUIET);
  if (!marked.ok) return marked;
  const now = await changeTime(marker);
  if (now === undefined) throw new Error(`${marker} was written and is not there`);
  const state: CopyState = { version: 1, source, known: knownTimes(before?.known, upper, String(now)) };
  const path = `${folder}/state.json`;
  const written = await performer.perform(
    { kind: "write-file", path, mode: 0o600, content: JSON.stringify(state) },
    QUIET,
  );
  return written.ok ? success(undefined) : written;
}

/** Notes which folders of the real tree Skerry itself has just changed, so that it is not taken for their owner. */
export async function noteApplied(
  context: AgentContext,
  instance: string,
  request: string,
  state: CopyState,
  touched: Readonly<Record<string, string>>,
): Promise<Result<void, StepProblem>> {
  const all = Object.entries({ ...state.known.own, ...touched });
  if (all.length === 0) return success(undefined);
  // Of those that are not noted it is taken for certain that somebody else has changed them.
  const own = Object.fromEntries(all.slice(-NOTED_FOLDERS));
  const path = `${copyFolder(context.places, instance, request)}/state.json`;
  const content = JSON.stringify({ ...state, known: { ...state.known, own } });
  const written = await context.performer.perform({ kind: "write-file", path, mode: 0o600, content }, QUIET);
  return written.ok ? success(undefined) : written;
}

const NOTED_FOLDERS = 2000;

/** What lies in the copy already keeps the time from which it counts. Pure. */
export function knownTimes(
  before: KnownTimes | undefined,
  upper: { readonly paths: readonly string[]; readonly cut: boolean },
  now: string,
): KnownTimes {
  if (upper.paths.length === 0) return { first: now, latest: now, paths: {}, incomplete: false, own: {} };
  // Where nothing is known of what is there, everything in the real folder may have been changed since.
  if (before === undefined) return { first: "0", latest: now, paths: {}, incomplete: true, own: {} };
  const otherwise = before.incomplete ? before.first : before.latest;
  const entries: [string, string][] = [];
  let bytes = 0;
  for (const path of upper.paths) {
    bytes += path.length + 40;
    if (bytes > NOTED_BYTES) break;
    entries.push([path, (Object.hasOwn(before.paths, path) ? before.paths[path] : undefined) ?? otherwise]);
  }
  const incomplete = upper.cut || entries.length < upper.paths.length;
  return { first: before.first, latest: now, paths: Object.fromEntries(entries), incomplete, own: before.own };
}
