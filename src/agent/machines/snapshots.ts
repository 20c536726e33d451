/**
 * Snapshots: a deployment's machine, written down after its boot and before it knows of any start, and starts that go on
 * from there.
 *
 * Invariants
 * - A snapshot is one deployment's, and holds nothing of a start. It is named by all that its machine is made of, so a
 *   start that would have another machine boots.
 * - What has its name is whole: it was made elsewhere, compared, brought to the disk, and renamed.
 * - The machine that is written down ends with this agent, and what it has left is swept by the next one.
 */
import { randomBytes } from "node:crypto";
import { type MachineFiles, TEMPLATE_FILES } from "../../backends/index.ts";
import { hasFileArguments } from "../../compartment/index.ts";
import { realOrSelf, removeCgroups } from "../../host/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import { performAll, type Step, type StepProblem } from "../../step/index.ts";
import { findDeployment } from "../catalogue.ts";
import { type AgentContext, QUIET, type Work } from "../context.ts";
import { choose, type Chosen, type LaunchProblem, type Prepared, prepare } from "../launch/launch.ts";
import { boots, makeMachine } from "../launch/machine.ts";
import { NO_WORDS } from "../launch/wanted.ts";
import type { Images } from "../store/images.ts";
import {
  freeBytes,
  identityOf,
  programIdentity,
  readSnapshotRecord,
  sameIdentity,
  type SnapshotRecord,
  takenBy,
} from "./snapshot-record.ts";
import type { SnapshotProblem } from "./snapshot-words.ts";

const { memory: MEMORY, state: STATE } = TEMPLATE_FILES;
const RECORD = "snapshot.json";

/** What the kernel and its root take of a machine's memory, twice over. */
const NEEDED_BYTES = 512 * 1024 * 1024;

/** With less, what has failed has failed by it. */
const SCARCE_BYTES = 16 * 1024 * 1024;

export interface Snapshot {
  readonly name: string;
  readonly made: string;
  readonly bytes: number;
  readonly vmm: string;
  /** Why no start uses it; undefined where one may. */
  readonly unfit: string | undefined;
}

type PrepareProblem = LaunchProblem | SnapshotProblem;

export class Snapshots {
  readonly #context: AgentContext;
  readonly #images: Images;

  constructor(context: AgentContext, images: Images) {
    this.#context = context;
    this.#images = images;
  }

  /**
   * A start that goes on from its deployment's snapshot where it wants that and there is one that fits.
   *
   * @param prepared - makes the start with these files of a machine
   */
  async prepared<Problem extends PrepareProblem>(
    wanted: boolean,
    chosen: Chosen,
    machine: MachineFiles,
    prepared: (machine: MachineFiles) => Promise<Result<Prepared, Problem>>,
  ): Promise<Result<Prepared, Problem | SnapshotProblem>> {
    const plain = await prepared(machine);
    const key = plain.ok ? plain.value.plan.template?.key : undefined;
    if (!plain.ok || !wanted) return plain;
    const { name } = chosen.deployment;
    if (key === undefined) return refusal({ kind: "no-copies", name });
    const { performer, store } = this.#context;
    if ((await performer.list(`${store.templates}/${name}`)).length === 0)
      return refusal({ kind: "no-snapshot", name });
    const unfit = await this.#unfit(name, key);
    if (unfit !== undefined) {
      const because = hasFileArguments(plain.value.spec)
        ? "it has no place for files that are named as arguments; grant their folder instead"
        : `${unfit}; skerry vm snapshot ${name} makes a new one`;
      const note = `${name} boots, and does not go on from its snapshot: ${because}`;
      return success({ ...plain.value, notes: [...plain.value.notes, note] });
    }
    const folder = realOrSelf(store.template(name, key));
    const copied = await prepared({ ...machine, template: { kind: "copy", folder } });
    return copied.ok ? success({ ...copied.value, snapshot: key }) : copied;
  }

  async make(name: string, work: Work): Promise<Result<Snapshot, PrepareProblem>> {
    const context = this.#context;
    const found = await findDeployment(name, context);
    if (!found.ok) return found;
    const { isolation } = found.value.thing;
    if (!boots({ isolation })) return refusal({ kind: "no-machine", name, isolation });
    const chosen = await choose({ ...NO_WORDS, name }, context, true);
    if (!chosen.ok) return chosen;
    const held = await this.#images.held(chosen.value.recipe, work);
    if (!held.ok) return held;
    const building = `${context.store.buildings}/template.${randomBytes(8).toString("hex")}`;
    try {
      const machine = await makeMachine(held.value.image, this.#images, context, work);
      if (!machine.ok) return machine;
      await this.#images.swept;
      // The VMM would make its file readable for everybody.
      const made = await this.#perform([
        { kind: "make-folder", path: building, mode: 0o700 },
        { kind: "write-file", path: `${building}/${MEMORY}`, mode: 0o600, content: "" },
      ]);
      if (!made.ok) return made;
      const free = freeBytes(building);
      if (free < NEEDED_BYTES)
        return refusal({ kind: "snapshot-no-room", folder: building, freeBytes: free, neededBytes: NEEDED_BYTES });
      const template = { kind: "make", folder: realOrSelf(building) } as const;
      const prepared = await prepare({ ...NO_WORDS, name }, chosen.value, held.value.image, context, {
        ...{ background: false, dry: false, machine: { ...machine.value, template } },
      });
      if (!prepared.ok) return prepared;
      if (prepared.value.plan.template === undefined) return refusal({ kind: "no-copies", name });
      return await this.#writeDown(name, building, prepared.value, work);
    } finally {
      held.value.release();
      await context.performer.perform({ kind: "remove-tree", path: building }, QUIET);
    }
  }

  async list(): Promise<readonly Snapshot[]> {
    const { performer, store } = this.#context;
    const out: Snapshot[] = [];
    for (const name of await performer.list(store.templates))
      for (const key of await performer.list(`${store.templates}/${name}`)) {
        const record = await this.#record(name, key);
        const bytes = [MEMORY, STATE].reduce((sum, file) => sum + takenBy(`${store.template(name, key)}/${file}`), 0);
        const unfit = await this.#unfit(name, key);
        out.push({ name, made: record?.made ?? "", bytes, vmm: record?.vmm.version ?? "", unfit });
      }
    return out;
  }

  async remove(name: string): Promise<Result<void, SnapshotProblem | StepProblem>> {
    const { performer, store } = this.#context;
    if (!(await performer.list(store.templates)).includes(name)) return refusal({ kind: "no-snapshot", name });
    return await this.#perform([{ kind: "remove-tree", path: `${store.templates}/${name}` }]);
  }

  async #writeDown(
    name: string,
    building: string,
    { plan, spec }: Prepared,
    work: Work,
  ): Promise<Result<Snapshot, PrepareProblem>> {
    const { facts, store, places, audit } = this.#context;
    const { key, program, version } = plan.template ?? {};
    if (key === undefined || program === undefined || version === undefined)
      throw new Error("a machine without a name for its template");
    work.report({ kind: "phase", text: `booting the machine of ${name}, to write it down` });
    const run = { kind: "run", why: `write down the machine of ${name}`, argv: plan.argv, environment: {} } as const;
    const ran = await this.#perform([...plan.steps, run], work);
    await removeCgroups(plan.cgroups);
    await this.#perform([{ kind: "remove-tree", path: `${places.runtime}/compartments/${spec.id}` }]);
    if (!ran.ok) {
      if (ran.problem.kind !== "step-failed") return ran;
      // A VMM whose file of memory finds no room is ended by the kernel without a word of it.
      const free = freeBytes(building);
      if (free < SCARCE_BYTES)
        return refusal({ kind: "snapshot-no-room", folder: building, freeBytes: free, neededBytes: NEEDED_BYTES });
      return refusal({ kind: "snapshot-failed", name, because: ran.problem.because });
    }
    work.report({ kind: "phase", text: "bringing it to the disk" });
    const [memory, state] = [identityOf(`${building}/${MEMORY}`), identityOf(`${building}/${STATE}`)];
    if (memory === undefined || state === undefined)
      return refusal({ kind: "snapshot-failed", name, because: "its files are not there" });
    const identity = programIdentity(realOrSelf(program));
    if (identity === undefined) throw new Error(`${program} is gone`);
    const record: SnapshotRecord = {
      ...({ skerry: "snapshot/1", deployment: name, made: new Date().toISOString(), memory, state } as const),
      vmm: { version, program: realOrSelf(program), identity },
    };
    const others = (await this.#context.performer.list(`${store.templates}/${name}`)).map((one) =>
      store.template(name, one),
    );
    const sync = facts.programs["sync"]?.path ?? "/usr/bin/sync";
    const files = [`${building}/${MEMORY}`, `${building}/${STATE}`];
    const placed = await this.#perform([
      { kind: "run", why: "bring it to the disk", argv: [sync, "--", ...files], environment: {} },
      { kind: "write-file", path: `${building}/${RECORD}`, mode: 0o600, content: JSON.stringify(record) },
      ...others.map((path) => ({ kind: "remove-tree", path }) as const),
      { kind: "make-folder", path: `${store.templates}/${name}`, mode: 0o700 },
      { kind: "rename", from: building, to: store.template(name, key) },
    ]);
    if (!placed.ok) return placed;
    const bytes = takenBy(`${store.template(name, key)}/${MEMORY}`);
    await audit.append({ kind: "snapshot", instance: name, snapshot: key, bytes });
    return success({ name, made: record.made, bytes, vmm: record.vmm.version, unfit: undefined });
  }

  async #record(name: string, key: string): Promise<SnapshotRecord | undefined> {
    const { performer, store } = this.#context;
    return readSnapshotRecord(await performer.readText(`${store.template(name, key)}/${RECORD}`));
  }

  /** Why a start does not use it. */
  async #unfit(name: string, key: string): Promise<string | undefined> {
    const { performer, store, facts } = this.#context;
    if (!(await performer.list(`${store.templates}/${name}`)).includes(key)) return await this.#otherMachine(name);
    const record = await this.#record(name, key);
    if (record?.deployment !== name) return "it is damaged";
    const folder = store.template(name, key);
    for (const [file, kept] of [
      [MEMORY, record.memory],
      [STATE, record.state],
    ] as const)
      if (!sameIdentity(identityOf(`${folder}/${file}`), kept)) return "its files have changed since it was made";
    if (sameIdentity(programIdentity(record.vmm.program), record.vmm.identity)) return undefined;
    const here = Object.values(facts.programs).find(({ path }) => realOrSelf(path) === record.vmm.program)?.version;
    return `it was made by ${record.vmm.program} ${record.vmm.version}, and here is another one${here === undefined ? "" : ` (${here})`}`;
  }

  async #otherMachine(name: string): Promise<string> {
    const { performer, store, facts } = this.#context;
    for (const key of await performer.list(`${store.templates}/${name}`)) {
      const vmm = (await this.#record(name, key))?.vmm;
      const here = Object.values(facts.programs).find(({ path }) => realOrSelf(path) === vmm?.program)?.version;
      if (vmm !== undefined && here !== undefined && here !== vmm.version)
        return `it was made by ${vmm.program} ${vmm.version}, and here is ${here}`;
    }
    return "its image, kernel, memory or folders are others by now";
  }

  async #perform(steps: readonly Step[], work: Work = QUIET): Promise<Result<void, StepProblem>> {
    const watch = { ...QUIET, signal: work.signal };
    return await performAll(steps, { performer: this.#context.performer, watch });
  }
}
