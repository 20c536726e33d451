/**
 * Disk snapshots: what the disks of a system of its own hold at one time, kept within them, and brought back.
 *
 * Only of the instance's own disks (answered with `copy` or `empty`): a file of the owner's is written by the machine alone.
 * What firmware and TPM remember is no part of it.
 *
 * Invariants
 * - No disk is touched while the machine runs, and no start begins while one is.
 * - A restore is of all disks or is known not to be: until it has come to its end, no start is made.
 * - The files are read by a reader of ours first; what changes them is behind a wall (disk-wall.ts).
 */
import { belowInside } from "../../backends/index.ts";
import { type Deployment, NAME_PATTERN, systemFolder } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import { performAll, type Step, type StepProblem } from "../../step/index.ts";
import { type CatalogueProblem, deploymentNames, findDeployment, findRecipe } from "../catalogue.ts";
import type { Compartments } from "../compartments.ts";
import { type AgentContext, QUIET, type Work } from "../context.ts";
import { instanceFolder } from "../launch/launch.ts";
import type { DiskStateProblem } from "./disk-state-words.ts";
import { DISK_WALL_ENVIRONMENT, diskWall, type SnapshotAct } from "./disk-wall.ts";
import { type DiskProblem, halfRestored, lookAt, mostBytesOf, RESTORING } from "./find-disks.ts";

/** Each costs the tables of its disk, and time at each start. */
const MOST_SNAPSHOTS = 200;

/** A start by its owner at this moment has the lock first. */
const CLAIM_WITHIN_S = "2";

export interface DiskSnapshot {
  readonly name: string;
  readonly label: string;
  /** ISO time, UTC. */
  readonly made: string;
  /** Of which disks it is. */
  readonly disks: readonly string[];
  /** The instance's own disks that it is not of. */
  readonly lacking: readonly string[];
}

type Problem = CatalogueProblem | DiskProblem | DiskStateProblem | StepProblem;

type Answer<Value> = Promise<Result<Value, Problem>>;

interface OwnDisk {
  readonly disk: string;
  readonly snapshots: readonly { readonly label: string; readonly seconds: number }[];
  /** With one snapshot more. */
  readonly mostBytes: number;
}

export class DiskSnapshots {
  readonly #context: AgentContext;
  readonly #compartments: Compartments;
  /** Instances whose disks are being worked on. */
  readonly #busy = new Set<string>();

  constructor(context: AgentContext, compartments: Compartments) {
    this.#context = context;
    this.#compartments = compartments;
  }

  /** For a start that is registered by now: whoever works on its disks has not begun, or is told that it runs. */
  free(name: string): Result<void, DiskStateProblem> {
    return this.#busy.has(name) ? state(name, { fault: "busy" }) : success(undefined);
  }

  /** @param label - left out of a snapshot: named by its time */
  async work(act: SnapshotAct, name: string, wanted: string, work: Work): Answer<DiskSnapshot> {
    const found = await this.#deployment(name);
    if (!found.ok) return found;
    const label = wanted === "" && act === "snapshot" ? labelOf(new Date()) : wanted;
    if (!NAME_PATTERN.test(label)) return state(name, { fault: "bad-label", label });
    if (this.#context.facts.programs["qemu-img"] === undefined)
      return refusal({ kind: "host-lacks", what: "the program qemu-img", fix: "install Debian's package qemu-utils" });
    if (this.#busy.has(name)) return state(name, { fault: "busy" });
    this.#busy.add(name);
    try {
      await this.#compartments.look();
      if (this.#compartments.running(name) !== undefined) return state(name, { fault: "runs", act });
      return await this.#act(act, found.value, label, work);
    } finally {
      this.#busy.delete(name);
    }
  }

  /** Of one instance, or of all. */
  async list(name: string): Answer<readonly DiskSnapshot[]> {
    const out: DiskSnapshot[] = [];
    for (const one of name === "" ? await deploymentNames(this.#context) : [name]) {
      const found = await this.#deployment(one);
      const disks = found.ok ? await this.#disks(found.value) : found;
      if (disks.ok) out.push(...snapshotsOf(one, disks.value));
      else if (name !== "") return disks;
    }
    return success(out);
  }

  async #act(act: SnapshotAct, deployment: Deployment, label: string, work: Work): Answer<DiskSnapshot> {
    const { name } = deployment;
    const disks = await this.#disks(deployment);
    if (!disks.ok) return disks;
    if (disks.value.length === 0) return state(name, { fault: "none" });
    const before = snapshotsOf(name, disks.value);
    const known = before.find((one) => one.label === label);
    const half = await halfRestored(name, this.#context);
    if (half !== undefined && (act !== "restore" || label !== half))
      return state(name, { fault: "half-restored", label: half });
    if (act === "snapshot") {
      if (known !== undefined) return state(name, { fault: "label-taken", label });
      if (before.length >= MOST_SNAPSHOTS) return state(name, { fault: "too-many", most: MOST_SNAPSHOTS });
      const bytes = disks.value.reduce((sum, { mostBytes }) => sum + mostBytes, 0);
      const limitBytes = deployment.limits.diskBytes ?? Number.POSITIVE_INFINITY;
      if (bytes > limitBytes) return state(name, { fault: "beyond-limit", bytes, limitBytes });
    } else if (known === undefined)
      return state(name, { fault: "no-label", label, known: before.map((one) => one.label) });
    if (act === "restore" && known !== undefined && known.lacking.length > 0)
      return state(name, { fault: "in-part", label, lacking: known.lacking });
    const of = act === "snapshot" ? disks.value.map(({ disk }) => disk) : (known?.disks ?? []);
    const { folder } = systemFolder(this.#context.places, name);
    const mark = `${folder}/${RESTORING}`;
    const steps: readonly Step[] = [
      { kind: "make-folder", path: instanceFolder(name, this.#context.places), mode: 0o700 },
      ...(act === "restore" ? [{ kind: "write-file", path: mark, mode: 0o600, content: label } as const] : []),
      ...of.map((disk) => this.#step(act, name, disk, label)),
      ...(act === "restore" ? [{ kind: "remove-tree", path: mark } as const] : []),
    ];
    work.report({ kind: "phase", text: `${PHASES[act]} ${of.join(", ")} of ${name}` });
    // Half of a restore would be of no use; the rest of it is known to be missing, if we end.
    const done = await performAll(steps, { performer: this.#context.performer, watch: QUIET });
    if (!done.ok) return done;
    await this.#context.audit.append({ kind: `disk-${act}`, instance: name, label, disks: of });
    const after = await this.#disks(deployment);
    if (!after.ok) return after;
    const made = snapshotsOf(name, after.value).find((one) => one.label === label) ?? known;
    if (made === undefined) throw new Error(`${name} has no snapshot ${label}, which was made`);
    return success(made);
  }

  /** Under the lock of the instance, which a start without us has as well. */
  #step(act: SnapshotAct, name: string, disk: string, label: string): Step {
    const { facts, places } = this.#context;
    const flock = facts.programs["flock"]?.path ?? "/usr/bin/flock";
    const claim = [flock, "--no-fork", "--timeout", CLAIM_WITHIN_S, `${instanceFolder(name, places)}/claim`] as const;
    const wall = diskWall({ folder: systemFolder(places, name).own, disk, act, label }, facts);
    return {
      kind: "run",
      why: `${act} the disk ${disk}`,
      argv: [...claim, ...wall],
      environment: DISK_WALL_ENVIRONMENT,
    };
  }

  async #deployment(name: string): Answer<Deployment> {
    const found = await findDeployment(name, this.#context);
    if (!found.ok) return found;
    const recipe = await findRecipe(found.value.thing.recipe, this.#context);
    if (!recipe.ok) return recipe;
    if (recipe.value.thing.system === undefined) return state(name, { fault: "no-system" });
    return success(found.value.thing);
  }

  /** The instance's own that are there. */
  async #disks({ name, disks = {} }: Deployment): Answer<readonly OwnDisk[]> {
    const { own } = systemFolder(this.#context.places, name);
    const there = await this.#context.performer.list(own);
    const out: OwnDisk[] = [];
    for (const [disk, { answer }] of Object.entries(disks)) {
      if ((answer !== "copy" && answer !== "empty") || !there.includes(`${disk}.qcow2`)) continue;
      const path = `${own}/${disk}.qcow2`;
      const looked = await lookAt(path, {
        ...{ as: "disk", written: true, format: "qcow2" },
        ...(answer === "copy" ? { below: belowInside(disk) } : {}),
      });
      if (!looked.ok)
        return refusal({ kind: "bad-disk", deployment: name, disk, file: path, because: { fault: "own" } });
      out.push({ disk, snapshots: looked.value.snapshots, mostBytes: mostBytesOf(looked.value, 1) });
    }
    return success(out);
  }
}

const PHASES = { snapshot: "keeping what is on", restore: "bringing back", forget: "removing a snapshot from" };

/** The oldest first. A label that is none of ours was made by somebody in the machine's place, and is not shown. */
function snapshotsOf(name: string, disks: readonly OwnDisk[]): readonly DiskSnapshot[] {
  const labels = new Map<string, number>();
  for (const { snapshots } of disks)
    for (const { label, seconds } of snapshots)
      if (NAME_PATTERN.test(label)) labels.set(label, Math.max(seconds, labels.get(label) ?? 0));
  return [...labels]
    .toSorted(([, one], [, other]) => one - other)
    .map(([label, seconds]) => {
      const holds = disks.filter(({ snapshots }) => snapshots.some((one) => one.label === label));
      return {
        ...{ name, label, made: new Date(seconds * 1000).toISOString() },
        disks: holds.map(({ disk }) => disk),
        lacking: disks.filter((one) => !holds.includes(one)).map(({ disk }) => disk),
      };
    });
}

/** `at-20261122-013000`, UTC. */
function labelOf(time: Date): string {
  const [day = "", clock = ""] = time.toISOString().replaceAll(/[-:]/g, "").split("T");
  return `at-${day}-${clock.slice(0, 6)}`;
}

function state(name: string, because: DiskStateProblem["because"]): Result<never, DiskStateProblem> {
  return refusal({ kind: "disk-state", name, because });
}
