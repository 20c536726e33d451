/**
 * Control groups: which limits this user can really set, and below which folder. Source: cgroups(7), cgroup-v2.
 *
 * What is possible is tried: a group is made, looked at and removed again. Nothing else is changed.
 *
 * A process can only be moved by who may write in the folder that holds both its old and its new group, so the folders
 * looked at are this process's own group and those above it.
 */
import { access, constants, mkdir, readFile, rmdir } from "node:fs/promises";
import { join } from "node:path";
import type { CgroupFacts } from "../model/index.ts";

export interface CgroupLayout {
  readonly mode: CgroupFacts["mode"];
  /** Folders of version 2, this process's own first, the mount last; empty where it is not mounted. */
  readonly unified: readonly string[];
  /** The same for each controller of version 1. */
  readonly legacy: Readonly<Record<string, readonly string[]>>;
}

/**
 * Where the groups of this process lie.
 *
 * @param mountinfo - proc_pid_mountinfo(5)
 * @param membership - proc_pid_cgroup(5)
 */
export function cgroupLayout(mountinfo: string, membership: string): CgroupLayout {
  const own = new Map<string, string>();
  for (const line of membership.split("\n")) {
    const [, names, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    for (const name of names?.split(",") ?? []) own.set(name, path ?? "/");
  }
  let unified: readonly string[] = [];
  const legacy: Record<string, readonly string[]> = {};
  for (const line of mountinfo.split("\n")) {
    const [left = "", right = ""] = line.split(" - ");
    const [, , , root = "/", mount = ""] = left.split(" ").map(unescapeMount);
    const [type, , options = ""] = right.split(" ");
    if (type === "cgroup2" && unified.length === 0) unified = foldersUp(mount, root, own.get("") ?? "/");
    if (type !== "cgroup") continue;
    for (const controller of options.split(",")) {
      const path = own.get(controller);
      if (path !== undefined) legacy[controller] ??= foldersUp(mount, root, path);
    }
  }
  const old = Object.keys(legacy).length > 0;
  const mode = unified.length > 0 ? (old ? "hybrid" : "unified") : old ? "legacy" : "none";
  return { mode, unified, legacy };
}

/** Spaces and the like stand as octal numbers in mountinfo. */
function unescapeMount(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** From the group's folder up to the mount. A group outside of what is mounted is not to be seen: then the mount alone. */
function foldersUp(mount: string, root: string, path: string): readonly string[] {
  const inside = path === root ? "" : root === "/" ? path : path.startsWith(`${root}/`) ? path.slice(root.length) : "";
  const parts = inside.split("/").filter((part) => part !== "");
  if (parts.includes("..")) return [mount];
  return parts.map((_, index) => join(mount, ...parts.slice(0, parts.length - index))).concat(mount);
}

/** The file by which a group shows that it can do a thing, and the controller that brings it. */
const LIMITS = {
  memory: { controller: "memory", file: "memory.max", oldController: "memory", oldFile: "memory.limit_in_bytes" },
  tasks: { controller: "pids", file: "pids.max", oldController: "pids", oldFile: "pids.max" },
  cpu: { controller: "cpu", file: "cpu.max", oldController: "cpu", oldFile: "cpu.cfs_quota_us" },
  // Freezing needs no controller in version 2.
  freeze: { controller: undefined, file: "cgroup.freeze", oldController: "freezer", oldFile: "freezer.state" },
} as const;

export async function probeCgroup(): Promise<CgroupFacts> {
  const layout = cgroupLayout(await textOf("/proc/self/mountinfo"), await textOf("/proc/self/cgroup"));
  const find = async (limit: keyof typeof LIMITS) => {
    const { controller, file, oldController, oldFile } = LIMITS[limit];
    for (const folder of layout.unified) if (await canLimit(folder, controller, file)) return folder;
    for (const folder of layout.legacy[oldController] ?? []) if (await makesGroupWith(folder, oldFile)) return folder;
    return undefined;
  };
  // One after the other: they try in the same folders.
  const memory = await find("memory");
  const tasks = await find("tasks");
  const cpu = await find("cpu");
  const freeze = await find("freeze");
  return { mode: layout.mode, memory, tasks, cpu, freeze };
}

/** Version 2: a group made here has the file, or would have it once the controller is switched on in this folder. */
async function canLimit(folder: string, controller: string | undefined, file: string): Promise<boolean> {
  if (!(await isWritable(`${folder}/cgroup.procs`))) return false;
  const shown = await makesGroupWith(folder, file);
  if (shown || controller === undefined) return shown;
  const offered = (await textOf(`${folder}/cgroup.controllers`)).trim().split(" ").includes(controller);
  if (!offered || !(await isWritable(`${folder}/cgroup.subtree_control`)) || !(await isWritable(folder))) return false;
  // The kernel switches nothing on for a group that has processes itself, but for the topmost, which has no type.
  const topmost = (await textOf(`${folder}/cgroup.type`)) === "";
  return topmost || (await textOf(`${folder}/cgroup.procs`)).trim() === "";
}

async function makesGroupWith(folder: string, file: string): Promise<boolean> {
  const group = `${folder}/skerry-probe-${process.pid}`;
  try {
    await mkdir(group);
  } catch {
    return false;
  }
  try {
    return await isWritable(`${group}/${file}`);
  } finally {
    await rmdir(group);
  }
}

async function isWritable(path: string): Promise<boolean> {
  return await access(path, constants.W_OK).then(
    () => true,
    () => false,
  );
}

async function textOf(path: string): Promise<string> {
  return await readFile(path, "utf8").catch(() => "");
}
