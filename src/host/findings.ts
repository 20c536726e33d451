/** Findings: looks up what grants and arguments name on this host. Follows links, since the owner's word names them. */
import { lstatSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { access, constants, realpath, stat } from "node:fs/promises";
import { networkInterfaces, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { isWithin } from "../model/index.ts";

export interface Finding {
  /** Where the path leads with every link followed; undefined where there is nothing. */
  readonly real: string | undefined;
  readonly type: "folder" | "file" | "other" | "none";
  /** A mount of the kernel's own (/proc, /sys, devices) that holds the path or lies below it. */
  readonly kernelMount: string | undefined;
  /** The first mount below the path, of whatever kind. */
  readonly mountBelow: string | undefined;
}

const MOUNT_TABLE = "/proc/self/mountinfo";

/** File systems that are windows into the kernel, by their names in filesystems(5). */
const KERNEL_FILE_SYSTEMS = new Set([
  ...[
    "proc",
    "sysfs",
    "devtmpfs",
    "devpts",
    "cgroup",
    "cgroup2",
    "securityfs",
    "debugfs",
    "tracefs",
    "configfs",
    "bpf",
  ],
  ...["pstore", "efivarfs", "mqueue", "binfmt_misc", "fusectl", "selinuxfs"],
]);

/** @param table - of who looks up many paths at once: proc_pid_mountinfo(5), read a moment ago */
export async function findPath(path: string, table = textIf(MOUNT_TABLE)): Promise<Finding> {
  try {
    const real = await realpath(path);
    const about = await stat(real);
    const kernelMount = kernelMountNear(real, table);
    // A file of the kernel's is one by name only.
    const type = about.isDirectory() ? "folder" : about.isFile() && kernelMount === undefined ? "file" : "other";
    return { real, type, kernelMount, mountBelow: mountBelow(real, table) };
  } catch {
    return { real: undefined, type: "none", kernelMount: undefined, mountBelow: undefined };
  }
}

/** What is mounted where, for {@link findPath}. */
export function mountTable(): string {
  return textIf(MOUNT_TABLE);
}

/** The first kernel's own mount that holds the path or lies below it. @param table - proc_pid_mountinfo(5) */
export function kernelMountNear(path: string, table: string): string | undefined {
  return mountsOf(table).find(
    ({ place, type }) => KERNEL_FILE_SYSTEMS.has(type) && (isWithin(path, place) || isWithin(place, path)),
  )?.place;
}

/** The first mount that lies below the path. @param table - proc_pid_mountinfo(5) */
export function mountBelow(path: string, table: string): string | undefined {
  return mountsOf(table).find(({ place }) => place !== path && isWithin(place, path))?.place;
}

function mountsOf(table: string): readonly { readonly place: string; readonly type: string }[] {
  return table.split("\n").flatMap((line) => {
    const [before = "", after = ""] = line.split(" - ");
    const place = (before.split(" ")[4] ?? "").replace(/\\([0-7]{3})/g, (_, code: string) =>
      String.fromCharCode(Number.parseInt(code, 8)),
    );
    return place === "" ? [] : [{ place, type: after.split(" ")[0] ?? "" }];
  });
}

/** Every link by which a path leads where it leads, by its own real place. */
export function linksOnTheWay(path: string): readonly string[] {
  const links: string[] = [];
  let rest = path.split("/").filter((part) => part !== "");
  let at = "/";
  while (rest.length > 0 && links.length < MOST_LINKS) {
    const [part = "", ...others] = rest;
    const next = join(at, part);
    const target = linkIfOne(next);
    if (target === undefined) [at, rest] = [next, others];
    else {
      links.push(next);
      if (target.startsWith("/")) at = "/";
      rest = [...target.split("/").filter((piece) => piece !== ""), ...others];
    }
  }
  return links;
}

function realIfThere(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

function linkIfOne(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined;
  } catch {
    return undefined;
  }
}

/** As many as the kernel follows (path_resolution(7)). */
const MOST_LINKS = 40;

/** The path with every link followed, also where its end does not exist yet. */
export function realOrSelf(path: string): string {
  const rest: string[] = [];
  let at = path;
  while (at !== "/") {
    const real = realIfThere(at);
    if (real !== undefined) return rest.length === 0 ? real : `${real === "/" ? "" : real}/${rest.join("/")}`;
    const cut = at.lastIndexOf("/");
    rest.unshift(at.slice(cut + 1));
    at = cut <= 0 ? "/" : at.slice(0, cut);
  }
  return path;
}

/**
 * Every address that this host answers to but those that each network namespace has for itself.
 *
 * From the kernel's own tables as well: the list of interfaces leaves out those without a link, whose addresses are
 * answered all the same. On the loopback interface a host may have addresses that the whole world reaches.
 */
export function hostAddresses(): readonly string[] {
  const listed = Object.values(networkInterfaces())
    .flat()
    .flatMap((entry) => (entry === undefined ? [] : [entry.address.replace(/%.*/, "")]));
  const all = [
    ...listed,
    ...localAddresses4(textIf("/proc/net/fib_trie")),
    ...addresses6(textIf("/proc/net/if_inet6")),
  ];
  return [...new Set(all)].filter((address) => !/^127\.|^::1$/.test(address));
}

/** Of proc_net(5)'s routing tree: leaves that are an address of the host. */
export function localAddresses4(tree: string): readonly string[] {
  return [...tree.matchAll(/\|-- ([0-9.]+)\n(?:\s+\/[^\n]*\n)*?\s+\/32 host LOCAL/g)].map(
    ([, address = ""]) => address,
  );
}

/** Of lines that begin with 32 hexadecimal digits. */
export function addresses6(table: string): readonly string[] {
  return [...table.matchAll(/^([0-9a-f]{32}) /gm)].map(([, digits = ""]) => {
    const groups = digits.match(/.{4}/g) ?? [];
    // The short form, as others write it.
    return new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1);
  });
}

function textIf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** @returns the first folder on the way to `path` that other users cannot pass, or undefined */
export async function openToAll(path: string): Promise<string | undefined> {
  const parts = realOrSelf(path).split("/").slice(1);
  for (let count = 1; count <= parts.length; count++) {
    const folder = `/${parts.slice(0, count).join("/")}`;
    const mode = await stat(folder).then(
      (about) => about.mode,
      () => undefined,
    );
    if (mode !== undefined && (mode & 0o001) === 0) return folder;
  }
  return undefined;
}

/** The folder itself or the first above it that is there and can be written: on the file system that it would be on. */
export async function usableFolder(path: string): Promise<string> {
  for (let folder = path; folder !== "/" && folder !== "."; folder = dirname(folder)) {
    const usable = await access(folder, constants.W_OK).then(
      () => true,
      () => false,
    );
    if (usable) return folder;
  }
  return tmpdir();
}
