/**
 * Live folders: what a running compartment gets for its folder requests becomes what its deployment says now.
 *
 * What is to be shown is put together first, where nobody sees it; a refusal up to there changes nothing. Then the
 * compartment stands still while what is not granted any more is taken away, and who holds something of it is found.
 *
 * Invariants
 * - What was taken away is gone for every process that goes on: who held something of it is ended, and when that cannot be
 *   seen to, the whole instance.
 * - What is in force stands in the start's folder and in the kernel's tables, so that any later agent can go on from there.
 */
import type { Effective } from "../../grant/index.ts";
import {
  clearSlot,
  type Gone,
  holdersOf,
  mountsOf,
  type ProcessName,
  showView,
  shownOn,
  signalProcess,
  slotMount,
  stageView,
  stillSeeing,
  unstageView,
  type View,
  waitForEnd,
} from "../../host/index.ts";
import type { Contribution } from "../../model/index.ts";
import { readStatus } from "../../compartment/index.ts";
import type { Compartments, Start } from "../compartments.ts";
import type { AgentContext } from "../context.ts";
import { readInForce, startFolder, writeInForce } from "./in-force.ts";
import { partsFor } from "./view-parts.ts";

/** What became of one request. */
export interface FolderChange {
  readonly request: string;
  /** What it gets now, in words. */
  readonly gets: string;
  readonly outcome: "in-force" | "at-next-start";
  /** Why not now. */
  readonly because: string | undefined;
  /** Processes that were ended, since they held something of what it had. */
  readonly ended: number;
}

type Slot = Extract<Contribution, { kind: "slot" }>;

interface Wanted {
  readonly slot: Slot;
  readonly effective: Effective;
  readonly before: readonly Contribution[];
}

/** A killed process waits for the kernel at most. */
const ENDS_WITHIN_MS = 5000;

/** Times that is looked for holders: each sees what one that was ended has left to another. */
const LOOKS = 3;

/**
 * @param wanted - what each request gets now
 * @returns a line for each folder request of which that has changed since the start, or the last such change
 */
export async function changeFolders(
  start: Start,
  wanted: readonly Effective[],
  compartments: Compartments,
  context: AgentContext,
): Promise<readonly FolderChange[]> {
  const { spec } = start.record;
  const folder = startFolder(spec, context);
  const slots = spec.contributions.filter((one) => one.kind === "slot");
  const inForce = await readInForce(folder, context);
  const changes: FolderChange[] = [];
  const later = ({ request, gets }: Effective, because: string) =>
    changes.push({ request, gets, outcome: "at-next-start", because, ended: 0 });
  for (const effective of wanted) {
    if (effective.service !== "folder") continue;
    const slot = slots.find(({ request }) => request === effective.request);
    const before = inForce.get(effective.request) ?? (slot === undefined ? [] : grantedAt(slot, spec.contributions));
    if (slot === undefined) {
      if (!isAtStart(effective, spec.contributions)) later(effective, "it was started without a place for it");
      continue;
    }
    if (same(before, effective.contributions)) continue;
    const view = await viewOf(start, folder, context);
    if (view === undefined) {
      later(effective, "its wall has ended");
      continue;
    }
    const change = await changeOne({ slot, effective, before }, view, { start, folder, compartments, context });
    if (change.outcome === "in-force")
      await writeInForce(
        folder,
        new Map([...(await readInForce(folder, context)), [slot.request, effective.contributions]]),
        context,
      );
    changes.push(change);
  }
  return changes;
}

interface Around {
  readonly start: Start;
  readonly folder: string;
  readonly compartments: Compartments;
  readonly context: AgentContext;
}

async function changeOne(
  { slot, effective, before }: Wanted,
  view: View,
  { start, folder, compartments, context }: Around,
): Promise<FolderChange> {
  const { request, gets } = effective;
  const { name } = start.record.spec;
  const said = { request, gets, ended: 0 } as const;
  const later = (because: string): FolderChange => ({ ...said, outcome: "at-next-start", because });
  const slots = `${context.places.runtime}/slots`;
  const mount = slotMount(view, slots, request);
  if (mount === undefined) return later("its place is not there any more");
  const staging = `${folder}/view-${request}`;
  const parts = await partsFor(effective.contributions, slot, start.record.spec, { folder, staging }, context);
  if (!parts.ok) return later(parts.problem.because);
  const refused = await stageView(view, staging, parts.value);
  if (refused !== undefined) return later(refused);
  const gone: Gone = { mounts: shownOn(view, mount), hostIds: hostIds(view) };
  let holders: readonly ProcessName[] = [];
  const wasFrozen = start.state === "frozen";
  if (gone.mounts.length > 0 && !wasFrozen) await compartments.freeze(name, true);
  try {
    if (gone.mounts.length > 0) {
      // What has only become more is no reason to end anybody; the app's own view of it is made anew all the same.
      const kept = isMore(before, effective.contributions);
      if (!kept) holders = holdersOf(view.first, gone);
      const left = await clearSlot(view, `${slots}/${request}`, mount);
      if (!kept) holders = [...holders, ...stillSeeing(view.first, gone)];
      if (left !== undefined) {
        // It could not be taken away, so who has it goes.
        await unstageView(view, staging);
        await compartments.kill(name);
        return { ...said, outcome: "in-force", because: `the app was ended, since ${left}` };
      }
      for (const holder of holders) signalProcess(holder, "SIGKILL");
    }
    if (parts.value.length > 0) {
      const failed = await showView(view, staging, `${slots}/${request}`);
      if (failed !== undefined) {
        await unstageView(view, staging);
        return later(failed);
      }
    }
  } finally {
    if (gone.mounts.length > 0 && !wasFrozen) await compartments.freeze(name, false);
  }
  const ended = await seeToEnds(view, holders, gone);
  if (ended === undefined) await compartments.kill(name);
  const count = ended ?? holders.length;
  await context.audit.append({
    kind: "live-change",
    instance: name,
    id: start.record.spec.id,
    request,
    gets,
    ended: count,
  });
  return { ...said, outcome: "in-force", because: undefined, ended: count };
}

/** @returns how many were ended; undefined where some do not end */
async function seeToEnds(view: View, holders: readonly ProcessName[], gone: Gone): Promise<number | undefined> {
  const seen = new Set<number>();
  let now = holders;
  for (let look = 0; look < LOOKS && now.length > 0; look++) {
    for (const holder of now) {
      seen.add(holder.pid);
      signalProcess(holder, "SIGKILL");
      if (!(await waitForEnd(holder, ENDS_WITHIN_MS))) return undefined;
    }
    now = [...holdersOf(view.first, gone), ...stillSeeing(view.first, gone)];
  }
  return now.length > 0 ? undefined : seen.size;
}

async function viewOf({ child }: Start, folder: string, { performer, facts }: AgentContext): Promise<View | undefined> {
  const { wallPid, startTicks } = readStatus((await performer.readText(`${folder}/status`)) ?? "");
  if (child === undefined || wallPid === undefined || startTicks === undefined) return undefined;
  return { wall: { pid: wallPid, startTicks }, first: child, asRoot: facts.uid === 0 };
}

function hostIds({ wall }: View): ReadonlySet<number> {
  return new Set([...(mountsOf("self") ?? []), ...(mountsOf(wall.pid) ?? [])].map(({ id }) => id));
}

/** What a request had at the start: all that lies at or below its place. */
function grantedAt(slot: Slot, contributions: readonly Contribution[]): readonly Contribution[] {
  return contributions.filter(
    (one) =>
      one.kind !== "slot" &&
      "target" in one &&
      (one.target === slot.target || one.target.startsWith(`${slot.target}/`)),
  );
}

function isAtStart({ contributions }: Effective, started: readonly Contribution[]): boolean {
  return contributions.every((one) => started.some((other) => same([one], [other])));
}

function same(left: readonly Contribution[], right: readonly Contribution[]): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

/** The same folder, which could be read and can now be written as well. */
function isMore(before: readonly Contribution[], after: readonly Contribution[]): boolean {
  const [was, is] = [before[0], after[0]];
  return was?.kind === "bind" && is?.kind === "bind" && was.source === is.source && is.access === "write";
}
