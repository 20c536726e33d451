/**
 * Compartments: what runs, what ran, and how it is stopped.
 *
 * The truth about a start lies in its folder below the runtime folder: `start.json` (what the agent prepared), `status`
 * (what the wall wrote). This registry only reads it, so a new agent knows as much as the one before it. What has ended
 * is kept for a while in the state folder, for `wait` and `ps --all`.
 *
 * Invariants
 * - Nothing here hangs on being the parent of a wall.
 * - A process is named by its id and its start time; an id alone is never signalled.
 */
import { constants } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { readAudit } from "../audit/index.ts";
import type { StandingWall } from "../backends/index.ts";
import { readStatus } from "../compartment/index.ts";
import {
  isAlive,
  modifiedAt,
  type ProcessName,
  processesBeside,
  processOf,
  removeCgroups,
  setFrozen,
  signalProcess,
  startsWithSecrets,
  type Usage,
  usageOf,
  waitForEnd,
} from "../host/index.ts";
import { type CompartmentSpec, nearest } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";
import { readEnded } from "./ended-starts.ts";
import { patienceFor, poweredOff, type Stopped, stepOf } from "./machines/power-off.ts";
import { type AgentContext, QUIET } from "./context.ts";
import { copySize } from "./changes/copies.ts";
import { instanceStateFile } from "./instance-state.ts";
import { giveBack } from "./launch/give-back.ts";
import { readSpooled, spoolFolder } from "./launch/spool.ts";
import type { Start, StartRecord } from "./start-record.ts";

export type CompartmentProblem =
  | { readonly kind: "not-running"; readonly name: string; readonly meant: string | undefined }
  | { readonly kind: "runs-already"; readonly name: string; readonly since: string }
  | { readonly kind: "is-frozen"; readonly name: string }
  | { readonly kind: "does-not-end"; readonly name: string };

/** What belongs to no start that is known is left alone for this time: one may just be made. */
const PREPARED_FOR_MS = 15_000;

/** Whoever wants something of a start that is just being made waits so long for it. */
const STANDS_WITHIN_MS = 30_000;

/** A start that was prepared and never made is forgotten after this time, since its caller hangs. On a busy host it is slow. */
const AWAITED_FOR_MS = 60_000;

/** The same, once its caller has ended: as long as a wall that it has started may take until it says so. */
const ORPHANED_FOR_MS = 2_000;

const LOOK_EVERY_MS = 200;

/** What was killed and has not ended by then waits for the kernel. A busy host takes its time to give memory back. */
const ENDS_WITHIN_MS = 30_000;

/** Ended starts that are kept for `wait` and `ps --all`. */
const KEPT_ENDS = 200;

export interface Hears {
  readonly stands: (start: Start) => void;
  readonly ended: (start: Start) => Promise<void>;
}

export class Compartments {
  readonly #context: AgentContext;
  readonly #starts = new Map<string, Start>();
  readonly #waiting = new Set<() => void>();
  /** Told of each start as soon as its first process is seen, and of each end before anybody else. */
  readonly #hears: Hears;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #nextLook: Promise<void> | undefined;

  constructor(context: AgentContext, hears: Hears) {
    this.#context = context;
    this.#hears = hears;
  }

  /** Takes over what an earlier agent left: running compartments are adopted, ended ones recorded. */
  async adopt(): Promise<void> {
    const { performer, audit, places } = this.#context;
    for (const [id, start] of await readEnded(`${places.state}/ended`, KEPT_ENDS, this.#context))
      this.#starts.set(id, start);
    await this.#takeIn();
    const standing = await performer.list(this.#folder());
    for (const id of await startsWithSecrets(places))
      if (!standing.includes(id)) await performer.perform({ kind: "drop-secrets", id }, QUIET);
    for (const id of standing) {
      if (this.#starts.get(id)?.state === "running") continue;
      const known = this.#starts.get(id);
      if (known !== undefined) {
        // Its end is on record, with all that was to be given back; the agent before this one had no time to clear up.
        await this.#clear(known.record);
        continue;
      }
      const text = await performer.readText(`${this.#folder()}/${id}/start.json`);
      if (text === undefined) {
        // Its agent died before there was anything to start, or the start script is just about to.
        if (!(await isOld(`${this.#folder()}/${id}`))) continue;
        await performer.perform({ kind: "remove-tree", path: `${this.#folder()}/${id}` }, QUIET);
        continue;
      }
      const record: StartRecord = JSON.parse(text);
      this.#starts.set(id, { record, state: "running", child: undefined, exitCode: undefined, ended: undefined });
      await this.#look(id);
      const start = this.#starts.get(id);
      if (start?.state === "running" && start.child !== undefined) {
        await audit.append({ kind: "adopted", instance: record.spec.name, id, pid: start.child.pid });
      }
    }
    this.#timer = setInterval(() => void this.look(), LOOK_EVERY_MS);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Writes down a start before it is made, so that whoever comes later knows of it. */
  async register(record: StartRecord): Promise<Result<void, CompartmentProblem>> {
    await this.look();
    const other = this.running(record.spec.name);
    if (other !== undefined)
      return refusal({ kind: "runs-already", name: record.spec.name, since: other.record.started });
    this.#starts.set(record.spec.id, {
      record,
      state: "running",
      child: undefined,
      exitCode: undefined,
      ended: undefined,
    });
    return success(undefined);
  }

  async writeRecord(record: StartRecord) {
    const path = `${this.#folder()}/${record.spec.id}/start.json`;
    return await this.#context.performer.perform(
      { kind: "write-file", path, mode: 0o600, content: JSON.stringify(record) },
      QUIET,
    );
  }

  /** Forgets a start that could not be made. */
  async forget(id: string): Promise<void> {
    const start = this.#starts.get(id);
    this.#starts.delete(id);
    if (start === undefined) return;
    await giveBack(start.record, this.#context.performer);
    await this.#clear(start.record);
  }

  running(name: string): Start | undefined {
    return [...this.#starts.values()].find(
      ({ record, state }) => record.spec.name === name && (state === "running" || state === "frozen"),
    );
  }

  byId(id: string): Start | undefined {
    return this.#starts.get(id);
  }

  all(): readonly Start[] {
    return [...this.#starts.values()].toSorted((left, right) => (left.record.started < right.record.started ? -1 : 1));
  }

  /** The newest start of an instance, running or not. */
  newest(name: string): Start | undefined {
    return this.running(name) ?? this.all().findLast(({ record }) => record.spec.name === name);
  }

  /** Takes in what the start script has started by itself since the last look. */
  async #takeIn(): Promise<void> {
    const { performer, audit, places } = this.#context;
    const spool = spoolFolder(places);
    const standing = new Set(await performer.list(this.#folder()));
    for (const id of await performer.list(spool)) {
      const path = `${spool}/${id}`;
      const launched = readSpooled((await performer.readText(path)) ?? "");
      // Half written, it belongs to a start that is just being made, or was never made.
      if (launched === undefined || launched.record.spec.id !== id) {
        if (await isOld(path)) await performer.perform({ kind: "remove-tree", path }, QUIET);
        continue;
      }
      const { record, image, grants, weaker, pid } = launched;
      const { name, command } = record.spec;
      const caller = processOf(pid);
      // The script is between the record and the folder.
      if (!standing.has(id) && caller !== undefined && !(await isOld(path))) continue;
      const started: StartRecord = { ...record, started: await modifiedAt(path), caller };
      const again = standing.has(id) && (await performer.readText(`${this.#folder()}/${id}/start.json`)) !== undefined;
      // Without a folder nothing has come of it: there are control groups to remove at the most.
      await this.writeRecord(started);
      if (!again || !this.#isRecorded(id)) {
        if (weaker.length > 0) await audit.append({ kind: "weaker-accepted", instance: name, id, layers: weaker });
        await audit.append({ kind: "start", instance: name, id, command, image, grants });
      }
      this.#starts.set(id, {
        record: started,
        state: "running",
        child: undefined,
        exitCode: undefined,
        ended: undefined,
      });
      await performer.perform({ kind: "remove-tree", path }, QUIET);
    }
  }

  /** Whether the audit has a start: who was killed while taking it in may have left it in both places. */
  #isRecorded(id: string): boolean {
    for (const { facts } of readAudit(`${this.#context.places.state}/audit`, { kinds: ["start"] }))
      if (facts["id"] === id) return true;
    return false;
  }

  /** Looks what became of every start. Callers that come while it looks share the next look: this one may have passed. */
  async look(): Promise<void> {
    const begin = () => {
      this.#nextLook = undefined;
      this.#looking = this.#lookAtAll().finally(() => {
        this.#looking = undefined;
      });
      return this.#looking;
    };
    if (this.#looking === undefined) return await begin();
    this.#nextLook ??= this.#looking.then(begin, begin);
    await this.#nextLook;
  }

  async #lookAtAll(): Promise<void> {
    await this.#takeIn();
    for (const [id, { state }] of this.#starts) if (state === "running" || state === "frozen") await this.#look(id);
  }

  /** A running compartment, as its backend wants it. Waits a moment for one that is just being started. */
  async standing(
    name: string,
  ): Promise<Result<{ readonly start: Start; readonly wall: StandingWall }, CompartmentProblem>> {
    for (const deadline = performance.now() + STANDS_WITHIN_MS; performance.now() < deadline; await pause(20)) {
      await this.look();
      const start = this.running(name);
      if (start === undefined) return this.#notRunning(name);
      const { child, record } = start;
      if (child !== undefined) {
        const wall = { spec: record.spec, childPid: child.pid, startTicks: child.startTicks, cgroups: record.cgroups };
        return success({ start, wall });
      }
    }
    return this.#notRunning(name);
  }

  #notRunning(name: string): Result<never, CompartmentProblem> {
    const names = this.all().flatMap(({ record, state }) =>
      state === "running" || state === "frozen" ? [record.spec.name] : [],
    );
    return refusal({ kind: "not-running", name, meant: nearest(name, names) });
  }

  /** SIGTERM to the program, and SIGKILL to the whole tree after the time. A frozen one is thawed for it. */
  async stop(name: string, graceMs: number): Promise<Result<Stopped, CompartmentProblem>> {
    const standing = await this.standing(name);
    if (!standing.ok) return standing;
    const { start, wall } = standing.value;
    const first = { pid: wall.childPid, startTicks: wall.startTicks };
    if (start.state === "frozen") await this.freeze(name, false);
    // The first process inside is bubblewrap's own, which hands no signals on: the program is its child.
    for (const pid of programsOf(first)) signalProcess(pid, "SIGTERM");
    const asked = await waitForEnd(first, patienceFor(start.record, graceMs));
    const off = !asked && (await poweredOff(start.record, programsOf(first), first));
    const killed = asked || off ? undefined : await this.kill(name);
    const ended = killed?.ok === false && killed.problem.kind !== "not-running" ? killed : await this.#end(name, start);
    return ended.ok ? success({ exitCode: ended.value, by: stepOf(asked, off) }) : ended;
  }

  /** SIGKILL to the first process, with which the kernel ends all others in its process namespace. */
  async kill(name: string): Promise<Result<number, CompartmentProblem>> {
    const standing = await this.standing(name);
    if (!standing.ok) return standing;
    const { start, wall } = standing.value;
    const first = { pid: wall.childPid, startTicks: wall.startTicks };
    signalProcess(first, "SIGKILL");
    // A frozen group keeps even a killed process.
    await setFrozen(first, wall.cgroups, false);
    if (!(await waitForEnd(first, ENDS_WITHIN_MS))) return refusal({ kind: "does-not-end", name });
    return await this.#end(name, start);
  }

  async freeze(name: string, frozen: boolean): Promise<Result<"cgroup" | "signals", CompartmentProblem>> {
    const standing = await this.standing(name);
    if (!standing.ok) return standing;
    const { start, wall } = standing.value;
    const by = await setFrozen({ pid: wall.childPid, startTicks: wall.startTicks }, wall.cgroups, frozen);
    const path = `${this.#folder()}/${wall.spec.id}/frozen`;
    const { performer } = this.#context;
    await performer.perform(
      frozen ? { kind: "write-file", path, mode: 0o600, content: by } : { kind: "remove-tree", path },
      QUIET,
    );
    this.#starts.set(wall.spec.id, { ...start, state: frozen ? "frozen" : "running" });
    return success(by);
  }

  async usage(start: Start): Promise<Usage | undefined> {
    return start.child === undefined ? undefined : await usageOf(start.child);
  }

  /** Resolves when the newest start of the instance has ended. */
  async wait(name: string, signal: AbortSignal): Promise<Result<Start, CompartmentProblem>> {
    const first = this.newest(name);
    if (first === undefined) return this.#notRunning(name);
    const { id } = first.record.spec;
    for (;;) {
      const start = this.#starts.get(id);
      if (start === undefined) return this.#notRunning(name);
      if (start.state === "ended" || start.state === "lost" || signal.aborted) return success(start);
      await new Promise<void>((resolve) => {
        const done = () => {
          this.#waiting.delete(done);
          signal.removeEventListener("abort", done);
          resolve();
        };
        this.#waiting.add(done);
        signal.addEventListener("abort", done);
      });
    }
  }

  async #end(name: string, start: Start): Promise<Result<number, CompartmentProblem>> {
    const { id } = start.record.spec;
    const deadline = performance.now() + ENDS_WITHIN_MS;
    for (
      let now = this.#starts.get(id);
      now?.state === "running" || now?.state === "frozen";
      now = this.#starts.get(id)
    ) {
      if (performance.now() > deadline) return refusal({ kind: "does-not-end", name });
      await pause(10);
      await this.look();
    }
    // Whoever saw its end may still be telling of it, and what was open for it is shut by that.
    await this.look();
    return success(this.#starts.get(id)?.exitCode ?? 128 + constants.signals.SIGKILL);
  }

  #folder(): string {
    return `${this.#context.places.runtime}/compartments`;
  }

  async #look(id: string): Promise<void> {
    const start = this.#starts.get(id);
    if (start === undefined) return;
    const { performer } = this.#context;
    const status = readStatus((await performer.readText(`${this.#folder()}/${id}/status`)) ?? "");
    const wall =
      status.wallPid === undefined || status.startTicks === undefined
        ? undefined
        : { pid: status.wallPid, startTicks: status.startTicks };
    const child = start.child ?? (status.childPid === undefined ? undefined : this.#childOf(status.childPid, wall));
    if (child !== undefined && start.child === undefined) {
      const frozen = (await performer.readText(`${this.#folder()}/${id}/frozen`)) !== undefined;
      const standing: Start = { ...start, child, state: frozen ? "frozen" : "running" };
      this.#starts.set(id, standing);
      this.#hears.stands(standing);
    }
    if (status.exitCode !== undefined) {
      // The wall, while it lives, ends what the app has left running; without it that is for us to do.
      if (wall !== undefined && isAlive(wall)) return;
      if (child !== undefined) signalProcess(child, "SIGKILL");
      if (child === undefined || (await waitForEnd(child, LOOK_EVERY_MS)))
        await this.#ended(id, start, "ended", status.exitCode);
      return;
    }
    const alive = (child !== undefined && isAlive(child)) || (wall !== undefined && isAlive(wall));
    const { caller, started } = start.record;
    const patience = caller !== undefined && isAlive(caller) ? AWAITED_FOR_MS : ORPHANED_FOR_MS;
    const beginning = wall === undefined && Date.now() - Date.parse(started) < patience;
    if (alive || beginning) return;
    // The wall's last word may have come after we read; it is there by now.
    const last = readStatus((await performer.readText(`${this.#folder()}/${id}/status`)) ?? "");
    await this.#ended(id, start, last.exitCode === undefined ? "lost" : "ended", last.exitCode);
  }

  /** The child's id counts only while its parent is the wall that named it, or while nobody else can have it. */
  #childOf(pid: number, wall: ProcessName | undefined): ProcessName | undefined {
    const found = processOf(pid);
    if (found === undefined || wall === undefined) return undefined;
    // The wall's child, or its grandchild while bubblewrap's monitor stands between them.
    const fits = found.parent === wall.pid || processOf(found.parent)?.parent === wall.pid || !isAlive(wall);
    return fits && BigInt(found.startTicks) >= BigInt(wall.startTicks)
      ? { pid, startTicks: found.startTicks }
      : undefined;
  }

  async #ended(id: string, start: Start, state: "ended" | "lost", exitCode: number | undefined): Promise<void> {
    const kept = await giveBack(start.record, this.#context.performer);
    const notes = [...kept, ...(start.record.passing ? await lostWith(start.record.spec, this.#context) : [])];
    const ended: Start = { ...start, state, exitCode, ended: new Date().toISOString(), notes };
    const { audit, performer, places } = this.#context;
    await audit.append({ kind: "end", instance: start.record.spec.name, id, code: exitCode, signal: undefined });
    const path = `${places.state}/ended/${Date.now()}-${id}.json`;
    await performer.perform(
      { kind: "write-file", path, mode: 0o600, content: JSON.stringify(withoutVariables(ended)) },
      QUIET,
    );
    await this.#clear(start.record);
    // Only now: who hears that it has ended may end this agent, or remove its folders.
    this.#starts.set(id, ended);
    await this.#hears.ended(ended);
    for (const name of (await performer.list(`${places.state}/ended`)).slice(0, -KEPT_ENDS)) {
      await performer.perform({ kind: "remove-tree", path: `${places.state}/ended/${name}` }, QUIET);
    }
    const over = this.all().filter((one) => one.state === "ended" || one.state === "lost");
    for (const { record } of over.slice(0, -KEPT_ENDS)) this.#starts.delete(record.spec.id);
    for (const done of this.#waiting) done();
  }

  async #clear({ spec, cgroups, passing, log }: StartRecord): Promise<void> {
    const { performer, places } = this.#context;
    await removeCgroups(cgroups);
    await performer.perform({ kind: "drop-secrets", id: spec.id }, QUIET);
    const logs = log === undefined ? [] : [log, `${log}.1`];
    const data = [`${places.data}/volumes/${spec.name}`, `${places.data}/copies/${spec.name}`];
    const own = [...data, instanceStateFile(this.#context, spec.name), ...logs];
    // The record goes last, with its folder: as long as it is there, another agent would finish this.
    const paths = [...(passing ? own : []), `${this.#folder()}/${spec.id}`];
    for (const path of paths) await performer.perform({ kind: "remove-tree", path }, QUIET);
  }
}

/** Nothing enters what has ended: what its variables held, which may be of the owner's session, is not kept. */
function withoutVariables(start: Start): Start {
  const { spec } = start.record;
  const contributions = spec.contributions.filter(({ kind }) => kind !== "variable");
  return { ...start, record: { ...start.record, spec: { ...spec, contributions } } };
}

/** Too old to belong to a start that is just being made. */
async function isOld(path: string): Promise<boolean> {
  return Date.now() - Date.parse(await modifiedAt(path)) > PREPARED_FOR_MS;
}

/** Changes of copies that go with a passing instance. */
async function lostWith({ name, contributions }: CompartmentSpec, context: AgentContext): Promise<readonly string[]> {
  const notes: string[] = [];
  for (const entry of contributions) {
    if (entry.kind !== "copy") continue;
    const { files, cut } = await copySize(context, name, entry.request);
    const count = `${cut ? "more than " : ""}${files} ${files === 1 ? "file" : "files"}`;
    if (files > 0)
      notes.push(
        `${count} written or removed in the copy of ${entry.source} went with it; a deployed instance keeps them`,
      );
  }
  return notes;
}

/** The children of the first process inside. */
function programsOf(first: ProcessName): readonly ProcessName[] {
  if (!isAlive(first)) return [];
  return processesBeside(first.pid).flatMap((pid) => {
    const found = processOf(pid);
    return found?.parent === first.pid ? [found] : [];
  });
}
