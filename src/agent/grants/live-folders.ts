/**
 * Live folders: what a running compartment gets for its folder requests becomes what its deployment says now.
 *
 * What is to be shown is put together first, where nobody sees it; a refusal up to there changes nothing. Then the
 * compartment stands still while what is not granted any more is taken away, and who holds something of it is found.
 *
 * Invariants
 * - What was taken away is gone for every process that goes on: who held something of it is ended, and when that cannot be
 *   seen to, the whole instance.
 * - What is in force stands in the start's folder and in the kernel's tables, and what is begun as well, so that any later
 *   agent can go on from there.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Effective } from "../../grant/index.ts";
import {
  clearSlot,
  type Gone,
  hasChild,
  holdersOf,
  isAlive,
  type Mount,
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
import type { Compartments } from "../compartments.ts";
import type { Start } from "../start-record.ts";
import type { AgentContext } from "../context.ts";
import { boots } from "../launch/machine.ts";
import { refusal } from "../../result.ts";
import { grantedAt, readInForce, type Slot, startFolder, viewOf, writeInForce } from "./in-force.ts";
import { changeInMachine, hasPlace } from "./machine-slot.ts";
import { dropUnfinished, writeUnfinished } from "./unfinished.ts";
import { partsFor } from "./view-parts.ts";

/** What became of one request. */
export interface FolderChange {
  readonly request: string;
  /** What its deployment says now, in words. */
  readonly gets: string;
  /** With `taken-away` it has nothing until the next start gives it what it gets. */
  readonly outcome: "in-force" | "taken-away" | "at-next-start";
  /** Why not now, or what else has happened. */
  readonly because: string | undefined;
  /** Processes that held something of what it had. */
  readonly held: number;
  /** They were ended, with the whole instance where its owner wants that. */
  readonly ended: "processes" | "instance" | undefined;
}

/** A killed process waits for the kernel at most, and on a busy host for its turn. Beyond it the whole app is ended. */
const ENDS_WITHIN_MS = 20_000;

/** On a busy host. A wall that ends is noticed at once; one that stands by then without it loses its app. */
const MOUNTS_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 20;

/** Times that is looked for holders: each sees what one that was ended has left to another. */
const LOOKS = 3;

/** Who acts on which start, and what becomes of processes that hold what was taken away. */
export interface ChangeAround {
  readonly start: Start;
  readonly compartments: Compartments;
  readonly context: AgentContext;
  readonly onRevoke: "end" | "restart";
}

/**
 * @param wanted - what each request gets now
 * @returns a line for each folder request of which that is not what is in force
 */
export async function changeFolders(
  wanted: readonly Effective[],
  around: ChangeAround,
): Promise<readonly FolderChange[]> {
  const { start, context } = around;
  const { spec } = start.record;
  const folder = startFolder(spec, context);
  const slots = spec.contributions.filter((one) => one.kind === "slot");
  const changes: FolderChange[] = [];
  for (const effective of wanted) {
    if (effective.service !== "folder") continue;
    const slot = slots.find(({ request }) => request === effective.request);
    if (slot === undefined) {
      if (!isAtStart(effective, spec.contributions))
        changes.push(notNow(effective, "this start has its own answer to it, or no place for it"));
      continue;
    }
    const inForce = await readInForce(folder, context);
    const before = inForce.get(slot.request) ?? grantedAt(slot, spec.contributions);
    if (same(before, effective.contributions)) continue;
    const change = await changeOne({ slot, effective, before, anew: false }, around);
    changes.push(change);
    const { request, gets, outcome, held } = change;
    if (outcome === "at-next-start") continue;
    // An agent that is killed before this is done leaves it to the next.
    const now = outcome === "in-force" ? effective.contributions : [];
    // The folder of a start that was ended is gone.
    if (change.ended !== "instance") await writeInForce(folder, new Map([...inForce, [slot.request, now]]), context);
    const said = outcome === "in-force" ? gets : "nothing";
    await context.audit.append({ kind: "live-change", instance: spec.name, id: spec.id, request, gets: said, held });
    await dropUnfinished(spec, context);
    if (change.ended === "instance") break;
  }
  return changes;
}

/** Shows once more what is in force: the app's view of it is another one then, and nobody is ended. */
export async function showAnew(slot: Slot, before: readonly Contribution[], around: ChangeAround): Promise<void> {
  const { start, context } = around;
  const effective = { request: slot.request, gets: "", contributions: before };
  const change = await changeOne({ slot, effective, before, anew: true }, around);
  const folder = startFolder(start.record.spec, context);
  const inForce = await readInForce(folder, context);
  if (change.outcome === "in-force") await writeInForce(folder, new Map([...inForce, [slot.request, before]]), context);
  await dropUnfinished(start.record.spec, context);
}

interface One {
  readonly slot: Slot;
  readonly effective: Pick<Effective, "request" | "gets" | "contributions">;
  readonly before: readonly Contribution[];
  /** The same as before, as far as it is still there. */
  readonly anew: boolean;
}

async function changeOne({ slot, effective, before, anew }: One, around: ChangeAround): Promise<FolderChange> {
  const { start, compartments, context } = around;
  const { request } = slot;
  const { spec } = start.record;
  const slots = `${context.places.runtime}/slots`;
  const view = await viewOf(start, context);
  const mount = view === undefined ? undefined : await untilMounted(view, slots, request);
  // What is more of the same is no reason to take anything away first.
  const kept = before.length === 0 || isMore(before, effective.contributions);
  const machine = boots(start.record);
  if (view === undefined || mount === undefined || (machine && !hasPlace(start, request))) {
    if (kept)
      return notNow(
        effective,
        machine ? "a system on disks of its own gets no folder while it runs" : "its wall has ended",
      );
    // Nobody can take anything from it any more, so it goes itself.
    await compartments.kill(spec.name);
    const why = machine
      ? "from a system on disks of its own nothing can be taken while it runs"
      : "its wall has ended, and without it nothing can be taken from what runs";
    return { request, gets: effective.gets, outcome: "taken-away", because: why, held: 0, ended: "instance" };
  }
  if (machine && kept && start.state === "frozen") return notNow(effective, "the machine stands still (skerry thaw)");
  const staging = `${startFolder(spec, context)}/view-${request}`;
  const staged = await stage(effective.contributions, slot, view, staging, around, anew);
  if (!staged.ok && kept) return notNow(effective, staged.problem.because);
  const gone: Gone = { mounts: shownOn(view, mount), hostIds: hostIds(view) };
  const stands = gone.mounts.length > 0 && start.state !== "frozen";
  await writeUnfinished(spec, { request, staging, gone: kept ? undefined : gone, still: stands }, context);
  let because = staged.ok ? undefined : staged.problem.because;
  let whole = false;
  let letGo = 0;
  if (machine && !kept) {
    const hidden = await changeInMachine(start, request, around.onRevoke === "end" ? "hide-and-end" : "hide-and-count");
    // Whatever it keeps, its VMM has it open then, and is found below.
    if (hidden.ok) letGo = hidden.value;
    whole = letGo > 0 && around.onRevoke === "restart";
  }
  if (stands) await compartments.freeze(spec.name, true);
  let holders: readonly ProcessName[] = [];
  try {
    if (!kept) holders = holdersOf(view.first, gone);
    const left = await clearSlot(view, `${slots}/${request}`, mount);
    if (!kept) holders = [...holders, ...stillSeeing(view.first, gone)];
    if (left !== undefined) {
      // It could not be taken away, so who has it goes.
      because = `it could not be taken away: ${left}`;
      whole = true;
    } else if (staged.ok && staged.value.length > 0) because = await showView(view, staging, `${slots}/${request}`);
    if (because !== undefined && staged.ok && staged.value.length > 0) await unstageView(view, staging);
    for (const holder of whole || around.onRevoke === "end" ? holders : []) signalProcess(holder, "SIGKILL");
  } finally {
    if (stands) await compartments.freeze(spec.name, false);
  }
  if (machine && !whole && because === undefined && staged.ok && staged.value.length > 0) {
    const shown = await changeInMachine(start, request, "show");
    if (!shown.ok) {
      because = shown.problem.because;
      whole = !(await takeBack(view, mount, `${slots}/${request}`));
    }
  }
  // Behind a machine's wall is its VMM: a machine goes as one.
  whole ||= machine && holders.length > 0;
  whole ||= holders.length > 0 && (around.onRevoke === "restart" || !(await haveEnded(view, holders, gone)));
  if (whole) await compartments.kill(spec.name);
  const held = holders.length + letGo;
  const ended = whole ? "instance" : held > 0 ? "processes" : undefined;
  const outcome = because === undefined ? "in-force" : "taken-away";
  return { request, gets: effective.gets, outcome, because, held, ended };
}

/** bubblewrap names its first process before that has its mounts and its root: what has just begun is waited for. */
async function untilMounted(view: View, slots: string, request: string): Promise<Mount | undefined> {
  const deadline = performance.now() + MOUNTS_WITHIN_MS;
  for (;;) {
    const mount = slotMount(view, slots, request);
    const stands = isAlive(view.first) && isAlive(view.wall);
    if ((mount !== undefined && hasChild(view.first)) || !stands || performance.now() > deadline) return mount;
    await pause(LOOK_EVERY_MS);
  }
}

/**
 * What a machine has not shown is not in force, and so must not be there: it could come to it later, and nobody would take
 * that away again.
 *
 * @returns false where it could not be, or the VMM has something of it
 */
async function takeBack(view: View, mount: Mount, place: string): Promise<boolean> {
  const gone: Gone = { mounts: shownOn(view, mount), hostIds: hostIds(view) };
  return (await clearSlot(view, place, mount)) === undefined && holdersOf(view.first, gone).length === 0;
}

function notNow({ request, gets }: Pick<Effective, "request" | "gets">, because: string): FolderChange {
  return { request, gets, outcome: "at-next-start", because, held: 0, ended: undefined };
}

async function stage(
  contributions: readonly Contribution[],
  slot: Slot,
  view: View,
  staging: string,
  { start, context }: ChangeAround,
  mayBeGone: boolean,
): ReturnType<typeof partsFor> {
  const { spec } = start.record;
  const room = { folder: startFolder(spec, context), staging, mayBeGone };
  const parts = await partsFor(contributions, slot, spec, room, context);
  if (!parts.ok) return parts;
  const because = await stageView(view, staging, parts.value);
  return because === undefined ? parts : refusal({ kind: "not-now", because });
}

/** @returns false where some do not end, or others still hold something */
export async function haveEnded(view: View, holders: readonly ProcessName[], gone: Gone): Promise<boolean> {
  let now = holders;
  for (let look = 0; look < LOOKS && now.length > 0; look++) {
    for (const holder of now) {
      signalProcess(holder, "SIGKILL");
      if (!(await waitForEnd(holder, ENDS_WITHIN_MS))) return false;
    }
    now = [...holdersOf(view.first, gone), ...stillSeeing(view.first, gone)];
  }
  return now.length === 0;
}

function hostIds({ wall }: View): ReadonlySet<number> {
  return new Set([...(mountsOf("self") ?? []), ...(mountsOf(wall.pid) ?? [])].map(({ id }) => id));
}

function isAtStart({ contributions }: Effective, started: readonly Contribution[]): boolean {
  return contributions.every((one) => started.some((other) => same([one], [other])));
}

/** What patterns mean now is followed while it runs, and is no change of what is granted. */
function same(left: readonly Contribution[], right: readonly Contribution[]): boolean {
  const granted = (all: readonly Contribution[]) =>
    JSON.stringify(all, (key, value: unknown) => (key === "found" ? undefined : value));
  return granted(left) === granted(right);
}

/** The same folder, which could be read and can now be written as well; or more of its files. */
function isMore(before: readonly Contribution[], after: readonly Contribution[]): boolean {
  const [was, is] = [before[0], after[0]];
  if (was?.kind === "pick" && is?.kind === "pick")
    return was.source === is.source && was.files.every((file) => is.files.includes(file));
  return was?.kind === "bind" && is?.kind === "bind" && was.source === is.source && is.access === "write";
}
