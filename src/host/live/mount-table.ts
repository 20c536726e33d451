/**
 * Mount table: what a process sees mounted, as the kernel says it (proc_pid_mountinfo(5)).
 *
 * An app that has a sandbox of its own can make many mounts, with any names: what is too long is refused whole.
 */
import { readFileSync } from "node:fs";
import { isWithin } from "../../model/index.ts";

export interface Mount {
  readonly id: number;
  readonly parent: number;
  /** `major:minor` of the file system, as it also stands in proc_pid_maps(5). */
  readonly device: string;
  /** Which folder or file of the file system it shows. */
  readonly root: string;
  readonly point: string;
  /** Options of this mount: `ro`, `nosuid`. */
  readonly options: readonly string[];
  readonly type: string;
}

const MOST_BYTES = 8 * 1024 * 1024;

/** @returns undefined where the process is gone, or its table cannot be read */
export function mountsOf(process: number | "self"): readonly Mount[] | undefined {
  try {
    return readMounts(readFileSync(`/proc/${process}/mountinfo`, "utf8"));
  } catch {
    return undefined;
  }
}

/** @returns undefined for a text that is no such table */
export function readMounts(text: string): readonly Mount[] | undefined {
  if (text.length > MOST_BYTES) return undefined;
  const mounts: Mount[] = [];
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const [id, parent, device, root, point, options, ...rest] = line.split(" ");
    const type = rest[rest.indexOf("-") + 1];
    if (!/^\d+$/.test(id ?? "") || root === undefined || point === undefined || type === undefined) return undefined;
    if (options === undefined || !rest.includes("-")) return undefined;
    mounts.push({
      id: Number(id),
      parent: Number(parent),
      device: device ?? "",
      root: plainPath(root),
      point: plainPath(point),
      options: options.split(","),
      type,
    });
  }
  return mounts;
}

/** Blanks, line ends and backslashes in paths stand there as three octal digits. */
export function plainPath(text: string): string {
  if (!text.includes("\\")) return text;
  const bytes: number[] = [];
  const raw = Buffer.from(text);
  for (let at = 0; at < raw.length; at++) {
    const digits = raw[at] === 0x5c ? raw.subarray(at + 1, at + 4).toString("latin1") : "";
    if (/^[0-3][0-7]{2}$/.test(digits)) {
      bytes.push(Number.parseInt(digits, 8));
      at += 3;
    } else bytes.push(raw[at] ?? 0);
  }
  return Buffer.from(bytes).toString("utf8");
}

/** A device's number as it stands in such tables: makedev(3), taken apart. */
export function deviceName(device: bigint): string {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn & 0xffffffffn);
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

/** The one that a path leads into: among those above it the deepest, and of these the one on top. */
export function mountAt(mounts: readonly Mount[], path: string): Mount | undefined {
  let found: Mount | undefined;
  for (const mount of mounts) {
    if (!isWithin(path, mount.point)) continue;
    if (found === undefined || mount.point.length > found.point.length || mount.parent === found.id) found = mount;
  }
  return found;
}

/** All that is mounted on or below these, at whatever depth. */
export function mountsOn(mounts: readonly Mount[], ids: ReadonlySet<number>): readonly Mount[] {
  const reached = new Set(ids);
  for (let before = -1; before !== reached.size; ) {
    before = reached.size;
    for (const { id, parent } of mounts) if (reached.has(parent)) reached.add(id);
  }
  return mounts.filter(({ id }) => reached.has(id) && !ids.has(id));
}
