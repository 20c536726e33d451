/**
 * Suspended: a machine as it ran, written down with its memory and ended; the next start in the background goes on from there.
 *
 * Invariants
 * - What has its name is whole: it was written elsewhere, brought to the disk, and renamed when the machine had ended.
 * - It is used by a start whose machine has all the same parts, and let go when that one answers.
 * - Whatever fails before the machine has ended lets it run on.
 */
import { lstatSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { type Attachment, BACKENDS, type MachineFiles } from "../../backends/index.ts";
import { openStream, type ProcessName, realOrSelf, signalProcess, takeState, waitForEnd } from "../../host/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import { performAll, type Step, type StepProblem } from "../../step/index.ts";
import type { CompartmentProblem, Compartments } from "../compartments.ts";
import { type AgentContext, QUIET, type Work } from "../context.ts";
import { readInForce, startFolder } from "../grants/in-force.ts";
import type { Prepared } from "../launch/launch.ts";
import { boots } from "../launch/machine.ts";
import type { Start } from "../start-record.ts";
import type { SnapshotProblem } from "./snapshot-words.ts";
import type { SuspendProblem } from "./suspend-words.ts";

const RECORD = "suspended.json";
const MEMORY = "memory";

/** A VMM that was told to end. */
const ENDS_WITHIN_MS = 30_000;

/** Of a machine whose owner has written no limit (backends/vm). */
const MOST_MEMORY_BYTES = 4 * 1024 ** 3;

const LOOK_EVERY_MS = 100;

/** Memory is read as fast as the disk is, and an emulated machine is slow to answer. */
const GOES_ON_WITHIN_MS = 600_000;

type Problem =
  | SuspendProblem
  | CompartmentProblem
  | Extract<SnapshotProblem, { readonly kind: "no-machine" }>
  | StepProblem
  | { readonly kind: "not-in-background"; readonly name: string };

export interface SuspendedMachine {
  readonly name: string;
  /** ISO time, UTC. */
  readonly since: string;
  readonly bytes: number;
  readonly key: string;
  /** When the start began that was suspended: what it reads from is older. */
  readonly started: string;
}

export class Suspended {
  readonly #context: AgentContext;
  readonly #compartments: Compartments;
  readonly #stopping: (name: string) => Promise<unknown>;

  /** @param stopping - its owner ends it: nobody is to start it again */
  constructor(context: AgentContext, compartments: Compartments, stopping: (name: string) => Promise<unknown>) {
    this.#context = context;
    this.#compartments = compartments;
    this.#stopping = stopping;
  }

  async suspend(name: string, work: Work): Promise<Result<SuspendedMachine, Problem>> {
    const standing = await this.#compartments.standing(name);
    if (!standing.ok) return standing;
    const { start } = standing.value;
    const { record, child } = start;
    if (!boots(record)) return refusal({ kind: "no-machine", name, isolation: record.isolation });
    if (start.state === "frozen") return refusal({ kind: "is-frozen", name });
    if (!record.background || record.passing) return refusal({ kind: "not-in-background", name });
    const { suspends } = record;
    if (suspends === undefined || "because" in suspends)
      return refusal({ kind: "cannot-suspend", name, because: suspends?.because ?? "disks" });
    if (child === undefined) throw new Error(`${name} stands, and has no first process`);
    const building = `${this.#folder()}/.${name}`;
    const made = await this.#perform([
      { kind: "remove-tree", path: building },
      { kind: "make-folder", path: this.#folder(), mode: 0o700 },
      { kind: "make-folder", path: building, mode: 0o700 },
    ]);
    if (!made.ok) return made;
    try {
      const taken = await this.#take(start, child, `${building}/${MEMORY}`, work);
      if (!taken.ok) return refusal({ kind: "suspend-failed", name, what: "suspend", because: taken.problem.because });
      if (!(await waitForEnd(child, ENDS_WITHIN_MS))) signalProcess(child, "SIGKILL");
      await waitForEnd(child, ENDS_WITHIN_MS);
      const machine = {
        name,
        since: new Date().toISOString(),
        bytes: taken.value,
        key: suspends.key,
        started: record.started,
      };
      const content = JSON.stringify(machine);
      const kept = await this.#perform([
        { kind: "write-file", path: `${building}/${RECORD}`, mode: 0o600, content },
        { kind: "remove-tree", path: this.#folder(name) },
        { kind: "rename", from: building, to: this.#folder(name) },
      ]);
      if (!kept.ok) return kept;
      await this.#context.audit.append({
        kind: "suspend",
        ...{ instance: name, id: record.spec.id, bytes: taken.value },
      });
      // Its wall ends a moment after it: who starts it at once is not told that it runs.
      await this.#compartments.wait(name, AbortSignal.timeout(ENDS_WITHIN_MS));
      return success(machine);
    } finally {
      await this.#perform([{ kind: "remove-tree", path: building }]);
    }
  }

  async #take({ record }: Start, child: ProcessName, file: string, { report }: Work) {
    const { spec, isolation } = record;
    const attached = BACKENDS[isolation]?.attachments?.(spec) ?? [];
    const inForce = await readInForce(startFolder(spec, this.#context), this.#context);
    const isShown = ({ request, filled }: Attachment) => {
      const now = request === undefined ? undefined : inForce.get(request);
      return now === undefined ? filled : now.length > 0;
    };
    report({ kind: "phase", text: `writing down the machine of ${spec.name}` });
    const taken = await takeState(
      child,
      file,
      {
        leave: attached.flatMap((one) => (isShown(one) ? [one.hide, one.detach] : [one.detach])),
        back: attached.flatMap((one) => (isShown(one) ? [one.attach, one.show] : [one.attach])),
        memoryBytes: spec.limits.memoryBytes ?? MOST_MEMORY_BYTES,
      },
      { ends: async () => await this.#stopping(spec.name) },
    );
    if (taken.ok) return taken;
    // The machine knows folders by their devices.
    const placeOf = (word: string, index: string) => attached[Number(index)]?.target ?? word;
    const because = taken.problem.because.replaceAll(/\bfolder(\d+)\b/g, placeOf);
    return refusal({ ...taken.problem, because });
  }

  /**
   * A start that goes on from where its instance was suspended, where it was.
   *
   * @param plain - it boots
   * @param may - it is one that can: in the background, and of the instance as it is
   * @param prepared - makes the start with these files of a machine
   */
  async goesOn<Problem extends { readonly kind: string }>(
    plain: Prepared,
    machine: MachineFiles,
    may: boolean,
    prepared: (machine: MachineFiles) => Promise<Result<Prepared, Problem>>,
  ): Promise<Result<Prepared, Problem | SuspendProblem>> {
    const { name } = plain.spec;
    const found = await this.#read(name);
    if (found === undefined) return success(plain);
    if (!may) return refusal({ kind: "is-suspended", name, since: found.since });
    const { suspends } = plain.plan;
    const because = "its image, kernel, QEMU, limits, devices or folders are others by now";
    const isSame = suspends !== undefined && "key" in suspends && suspends.key === found.key;
    if (!isSame || filesOf(machine).some((file) => isNewer(file, found.started)))
      return refusal({ kind: "suspend-failed", name, what: "resume", because });
    return await prepared({ ...machine, resume: realOrSelf(`${this.#folder(name)}/${MEMORY}`) });
  }

  /** Resolves when the machine that goes on answers; what was kept is let go then. */
  async wentOn(
    { spec: { name, id } }: Pick<Prepared, "spec">,
    { report }: Pick<Work, "report">,
  ): Promise<Result<void, SuspendProblem>> {
    if ((await this.#read(name)) === undefined) return success(undefined);
    report({ kind: "phase", text: `${name} goes on from where it was suspended` });
    const deadline = performance.now() + GOES_ON_WITHIN_MS;
    while (performance.now() < deadline) {
      await this.#compartments.look();
      const { child, state } = this.#compartments.byId(id) ?? {};
      if (state !== "running") break;
      const answered = child === undefined ? undefined : await openStream(child, "ping");
      if (answered?.ok !== true) await pause(LOOK_EVERY_MS);
      if (answered?.ok !== true) continue;
      answered.value.socket.destroy();
      await this.#perform([{ kind: "remove-tree", path: this.#folder(name) }]);
      await this.#context.audit.append({ kind: "resume", instance: name, id });
      return success(undefined);
    }
    // By its restart policy it would be tried again and again.
    // What is tried so is this very start, and not waited for.
    void this.#stopping(name).catch(() => {});
    const because = `its machine does not answer; skerry logs ${name} shows what it said`;
    return refusal({ kind: "suspend-failed", name, what: "resume", because });
  }

  /**
   * An agent that was killed while one went on has left it. It may still be on its way, and may come to nothing: what was kept
   * is let go by its answer here as well.
   */
  async sweep(): Promise<void> {
    for (const { name } of await this.list()) {
      const start = this.#compartments.running(name);
      if (start !== undefined) void this.wentOn(start.record, QUIET).catch(() => {});
    }
  }

  async list(): Promise<readonly SuspendedMachine[]> {
    const names = await this.#context.performer.list(this.#folder());
    const all = await Promise.all(names.filter((name) => !name.startsWith(".")).map((name) => this.#read(name)));
    return all.filter((one) => one !== undefined);
  }

  async discard(name: string): Promise<Result<void, SuspendProblem | StepProblem>> {
    const names = await this.#context.performer.list(this.#folder());
    if (name.startsWith(".") || !names.includes(name)) return refusal({ kind: "not-suspended", name });
    const gone = await this.#perform([{ kind: "remove-tree", path: this.#folder(name) }]);
    if (gone.ok) await this.#context.audit.append({ kind: "suspend-discard", instance: name });
    return gone;
  }

  #folder(name?: string): string {
    return suspendedFolder(this.#context, name);
  }

  async #read(name: string): Promise<SuspendedMachine | undefined> {
    const text = await this.#context.performer.readText(`${this.#folder(name)}/${RECORD}`);
    if (text === undefined) return undefined;
    const { since, key, started }: SuspendedMachine = JSON.parse(text);
    const bytes = lstatSync(`${this.#folder(name)}/${MEMORY}`, { throwIfNoEntry: false })?.size ?? 0;
    return { name, since, key, started, bytes };
  }

  async #perform(steps: readonly Step[]): Promise<Result<void, StepProblem>> {
    return await performAll(steps, { performer: this.#context.performer, watch: QUIET });
  }
}

/** With what was written down of an instance's machine; without a name, that of all of them. */
export function suspendedFolder({ places }: Pick<AgentContext, "places">, name?: string): string {
  return `${places.state}/suspended${name === undefined ? "" : `/${name}`}`;
}

/** It still reads from them, and knows what it has read. */
function filesOf({ kernel, root, disks }: MachineFiles): readonly string[] {
  return [kernel, root, ...disks];
}

/** A disk that was made anew may hold the same in other places. */
function isNewer(file: string, time: string): boolean {
  return (lstatSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Number.POSITIVE_INFINITY) > Date.parse(time);
}
