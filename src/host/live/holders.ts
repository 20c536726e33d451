/**
 * Holders: which processes of a compartment still hold something of a folder that is taken away from it. To unmount is not
 * to revoke: who has a directory, an open file or a mapping of it goes on with that.
 *
 * Mounts are told by their ids (proc_pid_fdinfo(5), proc_pid_mountinfo(5)), which a process cannot choose. A program with
 * a sandbox of its own has other tables of mounts: there whatever shows the same folder counts.
 *
 * Invariants
 * - What cannot be looked at counts as held.
 * - Meant to be asked while the compartment stands still: what moves may be missed.
 */
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { isWithin } from "../../model/index.ts";
import { isAlive, type ProcessName, processesWithin } from "../processes.ts";
import { deviceName, type Mount, mountAt, mountsOf, plainPath } from "./mount-table.ts";
import { O_PATH } from "./plain-file.ts";

export interface Gone {
  /** As the first process inside sees them. */
  readonly mounts: readonly Mount[];
  /** The host's: what was handed to the app open at its start lies there. */
  readonly hostIds: ReadonlySet<number>;
}

/** Who holds a directory, an open file or a mapping. */
export function holdersOf(first: ProcessName, gone: Gone): readonly ProcessName[] {
  const own = mountsOf(first.pid) ?? [];
  const goneIds = new Set(gone.mounts.map(({ id }) => id));
  return processesWithin(first).filter((process) => {
    const table = sameMounts(process.pid, first.pid) ? own : mountsOf(process.pid);
    if (table === undefined) return isAlive(process);
    const ids = table === own ? goneIds : new Set(showing(table, gone.mounts).map(({ id }) => id));
    const known = new Set([...table, ...own].map(({ id }) => id));
    const holds = (id: number | undefined, device: () => string) =>
      id === undefined ||
      ids.has(id) ||
      goneIds.has(id) ||
      // A mount that is in no table any more, or in none yet.
      (!known.has(id) && !gone.hostIds.has(id) && gone.mounts.some((mount) => mount.device === device()));
    return orHeld(process, () => {
      const tasks = readdirSync(`/proc/${process.pid}/task`).map((task) => `/proc/${process.pid}/task/${task}`);
      return (
        tasks.some((task) => holdsPlace(task, holds) || holdsFile(task, holds)) ||
        holdsMapping(process.pid, table, ids, gone.mounts)
      );
    });
  });
}

/** After the folder was taken away: who has mounts of its own, and sees it there. */
export function stillSeeing(first: ProcessName, gone: Gone): readonly ProcessName[] {
  return processesWithin(first).filter(
    (process) =>
      !sameMounts(process.pid, first.pid) &&
      orHeld(process, () => {
        const table = mountsOf(process.pid);
        return table === undefined || showing(table, gone.mounts).length > 0;
      }),
  );
}

function showing(table: readonly Mount[], gone: readonly Mount[]): readonly Mount[] {
  return table.filter((mount) =>
    gone.some(({ device, root }) => mount.device === device && isWithin(mount.root, root)),
  );
}

type Holds = (id: number | undefined, device: () => string) => boolean;

/** Threads can have directories of their own (unshare(2), CLONE_FS). */
function holdsPlace(task: string, holds: Holds): boolean {
  return ["cwd", "root", "exe"].some((name) => {
    const path = `${task}/${name}`;
    let file: number;
    try {
      file = openSync(path, O_PATH);
    } catch (error) {
      // A thread that is ending has none, and neither has a kernel's.
      if (isGone(error)) return false;
      throw error;
    }
    try {
      return holds(mountIdOf(readFileSync(`/proc/self/fdinfo/${file}`, "utf8")), () => deviceOf(path));
    } finally {
      closeSync(file);
    }
  });
}

function holdsFile(task: string, holds: Holds): boolean {
  return readdirSync(`${task}/fd`).some((number) => {
    try {
      // Sockets, pipes and the like are in no folder.
      if (!readlinkSync(`${task}/fd/${number}`).startsWith("/")) return false;
      return holds(mountIdOf(readFileSync(`${task}/fdinfo/${number}`, "utf8")), () => deviceOf(`${task}/fd/${number}`));
    } catch (error) {
      if (isGone(error)) return false;
      throw error;
    }
  });
}

/** Where a mapped file lies is said as a path from the root of its process's mounts, and as the number of its device. */
function holdsMapping(pid: number, table: readonly Mount[], ids: ReadonlySet<number>, gone: readonly Mount[]): boolean {
  const devices = new Set(gone.map(({ device }) => device));
  const seen = new Set<string>();
  for (const line of readFileSync(`/proc/${pid}/maps`, "utf8").split("\n")) {
    const found = /^\S+ \S+ \S+ ([0-9a-f]+):([0-9a-f]+) \d+\s+(\/.*)$/.exec(line);
    const [, major = "", minor = "", path = ""] = found ?? [];
    if (found === null || seen.has(`${major}:${minor}${path}`)) continue;
    seen.add(`${major}:${minor}${path}`);
    const mount = mountAt(table, plainPath(path));
    if (mount !== undefined && ids.has(mount.id)) return true;
    const device = `${Number.parseInt(major, 16)}:${Number.parseInt(minor, 16)}`;
    // Of what lies in an overlay, older kernels name the device of the layer.
    if (devices.has(device) && mount?.device !== device && mount?.type !== "overlay") return true;
  }
  return false;
}

function mountIdOf(fdinfo: string): number | undefined {
  const id = /^mnt_id:\s*(\d+)$/m.exec(fdinfo)?.[1];
  return id === undefined ? undefined : Number(id);
}

function deviceOf(path: string): string {
  return deviceName(statSync(path, { bigint: true }).dev);
}

function sameMounts(pid: number, other: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`) === readlinkSync(`/proc/${other}/ns/mnt`);
  } catch {
    return false;
  }
}

function orHeld(process: ProcessName, look: () => boolean): boolean {
  try {
    return look();
  } catch {
    return isAlive(process);
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ESRCH");
}
