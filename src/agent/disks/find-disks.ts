/**
 * Find disks: from the owner's word on the disks of a system to files that a machine can have, looked at on this host.
 *
 * What the machine writes without the owner's file being meant lies in a folder of the instance's own (model/disk.ts),
 * beside its other data. Of a file that a copy stands on, a mark is kept: when it is another one or has changed, what was
 * written on top of it fits no more, and the start is refused.
 */
import { constants } from "node:fs";
import { access, open, readFile, stat } from "node:fs/promises";
import { belowInside, UEFI } from "../../backends/index.ts";
import { findPath } from "../../host/index.ts";
import { type BadDisk, type DiskFault, lookAtDisk, type LookedAt, newQcow2 } from "../../image/index.ts";
import {
  type Contribution,
  type Deployment,
  type Disk,
  type DiskFormat,
  isWithin,
  type Recipe,
  systemFolder,
} from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import type { Step } from "../../step/index.ts";
import type { AgentContext } from "../context.ts";
import type { DiskStateProblem } from "./disk-state-words.ts";
import { findSeed, SEED_FILE, type SeedProblem } from "./find-seed.ts";
import { openToOthers } from "./open-to-others.ts";
import { startsNothing, type StartsNothing } from "./what-starts.ts";

export type DiskProblem =
  | { readonly kind: "host-lacks"; readonly what: string; readonly fix: string }
  | {
      readonly kind: "bad-disk";
      readonly deployment: string;
      readonly disk: string;
      readonly file: string;
      readonly because:
        | DiskFault
        | { readonly fault: SimpleFault }
        | { readonly fault: "open-to-others"; readonly place: string };
    }
  | DiskStateProblem
  | SeedProblem
  | { readonly kind: "disks-astray"; readonly deployment: string; readonly because: "none" | "no-system" }
  | { readonly kind: "nothing-starts"; readonly deployment: string; readonly disks: readonly StartsNothing[] };

type SimpleFault = "not-there" | "no-file" | "skerrys" | "unreadable" | "not-writable" | "changed" | "own";

/** Beside an instance's disks while they are brought back to a snapshot: its label. */
export const RESTORING = "restoring";

export interface FoundDisks {
  readonly disks: readonly DiskContribution[];
  /** What makes those that are not there yet. */
  readonly steps: readonly Step[];
}

type DiskContribution = Extract<Contribution, { readonly kind: "disk" }>;

/** What the file below a copy was like when the copy was begun. */
interface Mark {
  readonly file: string;
  readonly inode: string;
  readonly bytes: string;
  readonly modified: string;
}

interface Wanted {
  /** As its owner knows it; a passing instance has a name of its own. */
  readonly deployment: string;
  readonly name: string;
  readonly disk: Disk;
  readonly own: string;
  readonly marks: Readonly<Record<string, Mark>>;
  /** Skerry's own folders on this host. */
  readonly ownFolders: readonly string[];
}

interface FoundDisk {
  readonly disk: DiskContribution;
  readonly steps: readonly Step[];
  readonly mark?: Mark;
  readonly looked: Pick<LookedAt, "blank" | "starts">;
}

export async function findDisks(
  { system }: Recipe,
  { name: instance, disks = {}, cloudInit }: Pick<Deployment, "name" | "disks" | "cloudInit">,
  { deployment, machineId }: { readonly deployment: string; readonly machineId: string },
  context: AgentContext,
  ownFolders: readonly string[],
): Promise<Result<FoundDisks, DiskProblem>> {
  const wanted = Object.entries(disks).filter(([, { answer }]) => answer !== "deny");
  if (system === undefined && wanted.length === 0 && cloudInit === undefined) return success({ disks: [], steps: [] });
  if (system === undefined) return refusal({ kind: "disks-astray", deployment, because: "no-system" });
  if (wanted.length === 0) return refusal({ kind: "disks-astray", deployment, because: "none" });
  const half = await halfRestored(instance, context);
  if (half !== undefined)
    return refusal({ kind: "disk-state", name: deployment, because: { fault: "half-restored", label: half } });
  const { folder, own } = systemFolder(context.places, instance);
  const variables = system.firmware === "uefi" ? await readFile(UEFI.variables).catch(() => undefined) : undefined;
  if (system.firmware === "uefi" && variables === undefined)
    return refusal({ kind: "host-lacks", what: "firmware for UEFI", fix: "install Debian's package ovmf" });
  const marks = await readMarks(`${folder}/disks.json`, context);
  const found: FoundDisk[] = [];
  for (const [name, disk] of wanted) {
    const one = await findOne({ deployment, name, disk, own, marks, ownFolders });
    if (!one.ok) return one;
    found.push(one.value);
  }
  const seed =
    cloudInit === undefined
      ? success(undefined)
      : await findSeed(cloudInit, system, { deployment, instance, machineId, folder }, ownFolders);
  if (!seed.ok) return seed;
  const idle = found.flatMap(({ disk, looked }) => startsNothing(disk.name, looked, system.firmware) ?? []);
  if (idle.length === found.length) return refusal({ kind: "nothing-starts", deployment, disks: idle });
  const left = seed.value === undefined && !(await isMissing(`${folder}/${SEED_FILE}`));
  const fresh = found.flatMap(({ disk, mark }) => (mark === undefined ? [] : [[disk.name, mark] as const]));
  const steps: readonly Step[] = [
    { kind: "make-folder", path: folder, mode: 0o700 },
    { kind: "make-folder", path: own, mode: 0o700 },
    ...(system.tpm ? [{ kind: "make-folder", path: `${own}/tpm`, mode: 0o700 } as const] : []),
    ...(variables === undefined ? [] : [once(`${own}/variables`, variables)]),
    // Before what they speak of: a copy without a mark would be one of which nothing is known.
    ...(fresh.length === 0 ? [] : [marksStep(folder, { ...marks, ...Object.fromEntries(fresh) })]),
    ...found.flatMap((one) => one.steps),
    ...(seed.value?.steps ?? []),
    // What its owner took out of the deployment is not kept.
    ...(left ? [{ kind: "remove-tree", path: `${folder}/${SEED_FILE}` } as const] : []),
  ];
  // The last: whatever else can be booted from comes first.
  return success({
    disks: [...found.map(({ disk }) => disk), ...(seed.value === undefined ? [] : [seed.value.disk])],
    steps,
  });
}

async function findOne(wanted: Wanted): Promise<Result<FoundDisk, DiskProblem>> {
  const { name, disk, own } = wanted;
  const { answer, as } = disk;
  const ownFile = { path: `${own}/${name}.qcow2`, format: "qcow2" } as const;
  const fresh = await isMissing(ownFile.path);
  if (answer === "empty") {
    const bytes = disk.sizeBytes ?? 0;
    const looked = fresh
      ? success({ mostBytes: bytes, blank: true, starts: undefined })
      : await looksAsOurs(wanted, ownFile.path, undefined);
    if (!looked.ok) return looked;
    const steps = fresh ? [once(ownFile.path, newQcow2(bytes, undefined))] : [];
    const { mostBytes } = looked.value;
    const found = { kind: "disk", name, as, file: ownFile, access: "write", mostBytes } as const;
    return success({ disk: found, steps, looked: looked.value });
  }
  const file = await findFile(wanted);
  if (!file.ok) return file;
  const { path, format, mark, looked } = file.value;
  if (answer !== "copy") {
    const writes = answer === "real" ? "write" : "read";
    return success({ disk: { kind: "disk", name, as, file: { path, format }, access: writes }, steps: [], looked });
  }
  const below = { path, format };
  const copied = { kind: "disk", name, as, file: ownFile, below, access: "write" } as const;
  if (fresh) {
    const content = newQcow2(looked.virtualBytes, { path: belowInside(name), format });
    return success({
      disk: { ...copied, mostBytes: looked.virtualBytes },
      steps: [once(ownFile.path, content)],
      ...{ mark, looked },
    });
  }
  const known = wanted.marks[name];
  if (known === undefined || JSON.stringify(known) !== JSON.stringify(mark)) return bad(wanted, path, "changed");
  const ours = await looksAsOurs(wanted, ownFile.path, belowInside(name));
  return ours.ok
    ? success({ disk: { ...copied, mostBytes: ours.value.mostBytes }, steps: [], looked: ours.value })
    : ours;
}

interface FoundFile {
  readonly path: string;
  readonly format: DiskFormat;
  readonly looked: LookedAt;
  readonly mark: Mark;
}

async function findFile(wanted: Wanted): Promise<Result<FoundFile, DiskProblem>> {
  const { file = "", format = "raw", answer, as, written } = wanted.disk;
  const { real: path, type } = await findPath(file);
  if (path === undefined) return bad(wanted, file, "not-there");
  if (type !== "file") return bad(wanted, file, "no-file");
  if (wanted.ownFolders.some((folder) => isWithin(path, folder))) return bad(wanted, file, "skerrys");
  if (!(await may(path, constants.R_OK))) return bad(wanted, file, "unreadable");
  if (answer === "real" && !(await may(path, constants.W_OK))) return bad(wanted, file, "not-writable");
  const place = await openToOthers(path);
  if (place !== undefined) return bad(wanted, file, { fault: "open-to-others", place });
  const looked = await lookAt(path, { as, written, format });
  if (!looked.ok) return bad(wanted, file, looked.problem.fault);
  const { ino, size, mtimeNs } = await stat(path, { bigint: true });
  const mark: Mark = { file: path, inode: String(ino), bytes: String(size), modified: String(mtimeNs) };
  return success({ path, format, looked: looked.value, mark });
}

/**
 * Whoever has broken out of a machine could write its own disks as well: each start looks at them anew.
 *
 * @returns with `mostBytes`: what it can ever hold, with its snapshots
 */
async function looksAsOurs(
  wanted: Wanted,
  path: string,
  below: string | undefined,
): Promise<Result<LookedAt & { readonly mostBytes: number }, DiskProblem>> {
  const looked = await lookAt(path, {
    ...{ as: "disk", written: true, format: "qcow2" },
    ...(below === undefined ? {} : { below }),
  });
  return looked.ok ? success({ ...looked.value, mostBytes: mostBytesOf(looked.value) }) : bad(wanted, path, "own");
}

/** A snapshot holds as much as the disk at most. */
export function mostBytesOf(
  { virtualBytes, snapshots }: Pick<LookedAt, "virtualBytes" | "snapshots">,
  more = 0,
): number {
  return virtualBytes * (1 + snapshots.length + more);
}

export async function lookAt(
  path: string,
  wanted: Parameters<typeof lookAtDisk>[1],
): Promise<Result<LookedAt, BadDisk>> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { size } = await file.stat();
    const read = async (at: number, bytes: number) => {
      const length = Math.max(0, Math.min(bytes, size - at));
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at);
      return buffer.subarray(0, bytesRead);
    };
    return await lookAtDisk({ bytes: size, read }, wanted);
  } finally {
    await file.close();
  }
}

function bad(
  { deployment, name }: Wanted,
  file: string,
  because: Extract<DiskProblem, { readonly kind: "bad-disk" }>["because"] | SimpleFault,
): Result<never, DiskProblem> {
  const fault = typeof because === "string" ? { fault: because } : because;
  return refusal({ kind: "bad-disk", deployment, disk: name, file, because: fault });
}

/** Where it is there, it is left as it is: what a start has planned is done when another has ended, at the earliest. */
function once(path: string, content: Uint8Array): Step {
  return { kind: "write-file", path, mode: 0o600, content, namedByContent: true };
}

export function marksStep(folder: string, marks: Readonly<Record<string, unknown>>): Step {
  return { kind: "write-file", path: `${folder}/disks.json`, mode: 0o600, content: `${JSON.stringify(marks)}\n` };
}

export async function readMarks(
  path: string,
  { performer }: Pick<AgentContext, "performer">,
): Promise<Readonly<Record<string, Mark>>> {
  const text = await performer.readText(path);
  return text === undefined ? {} : JSON.parse(text);
}

/** @returns the label of a snapshot to which some of the disks were brought back, and not all */
export async function halfRestored(
  instance: string,
  { performer, places }: Pick<AgentContext, "performer" | "places">,
): Promise<string | undefined> {
  return await performer.readText(`${systemFolder(places, instance).folder}/${RESTORING}`);
}

async function isMissing(path: string): Promise<boolean> {
  return await access(path).then(
    () => false,
    () => true,
  );
}

async function may(path: string, mode: number): Promise<boolean> {
  return await access(path, mode).then(
    () => true,
    () => false,
  );
}
