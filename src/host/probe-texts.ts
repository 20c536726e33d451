/** Reads the texts that the kernel and the system describe themselves with. Pure: text in, facts out. */
import type { IdRange } from "../model/index.ts";

/** ID and VERSION_ID of os-release(5): `debian 12`; `unknown` where it says nothing. */
export function distributionOf(osRelease: string): string {
  const value = (key: string) => new RegExp(`^${key}=["']?([^"'\\n]*)`, "m").exec(osRelease)?.[1] ?? "";
  return `${value("ID")} ${value("VERSION_ID")}`.trim() || "unknown";
}

/** MemTotal of proc_meminfo(5) in whole MiB; 0 where it says nothing. */
export function memoryMiBOf(meminfo: string): number {
  return Math.floor(Number(/^MemTotal:\s+(\d+) kB/m.exec(meminfo)?.[1] ?? 0) / 1024);
}

/** One line of subuid(5) or subgid(5). */
export interface SubordinateRange extends IdRange {
  /** Login name or numeric id. */
  readonly owner: string;
}

/** Ids above this do not exist: 2^32 - 1 means "no id". */
const LAST_ID = 0xffff_fffe;

/** What cannot be read is left out: newuidmap(1) would not use it either. */
export function subordinateRanges(text: string): readonly SubordinateRange[] {
  return text.split("\n").flatMap((line) => {
    const [, owner, first, count] = /^([^:#]+):(\d{1,10}):(\d{1,10})$/.exec(line.trim()) ?? [];
    if (owner === undefined) return [];
    const range = { owner, first: Number(first), count: Number(count) };
    return range.count > 0 && range.first + range.count - 1 <= LAST_ID ? [range] : [];
  });
}

/** Ids that a compartment or a build needs beside the user's own. */
export const RANGE_SIZE = 65_536;

/** The user's range: the first that is large enough, else the first. */
export function rangeOf(text: string, user: string, uid: number): IdRange | undefined {
  const own = subordinateRanges(text).filter(({ owner }) => owner === user || owner === String(uid));
  const chosen = own.find(({ count }) => count >= RANGE_SIZE) ?? own[0];
  return chosen === undefined ? undefined : { first: chosen.first, count: chosen.count };
}

/**
 * The first id of a range that overlaps none of those given out in either file, so that one number serves both.
 *
 * @returns undefined when all ids that useradd(8) gives out are taken
 */
export function freeRange(subuid: string, subgid: string): IdRange | undefined {
  const taken = [...subordinateRanges(subuid), ...subordinateRanges(subgid)].toSorted((a, b) => a.first - b.first);
  // SUB_UID_MIN and SUB_UID_MAX of login.defs(5).
  let first = 100_000;
  for (const range of taken) {
    if (range.first >= first + RANGE_SIZE) break;
    first = Math.max(first, range.first + range.count);
  }
  return first + RANGE_SIZE - 1 <= 600_100_000 ? { first, count: RANGE_SIZE } : undefined;
}

/** Since which kernel there is which ABI; landlock(7). */
const LANDLOCK_ABIS = [
  [6, 15, 7],
  [6, 12, 6],
  [6, 10, 5],
  [6, 7, 4],
  [6, 2, 3],
  [5, 19, 2],
  [5, 13, 1],
] as const;

/**
 * The least ABI of Landlock that is certain. To ask the kernel needs a system call that Node does not have, so the ABI
 * follows from the release where Landlock is known to be on; a distribution may have more than its release says.
 *
 * @param lsm - /sys/kernel/security/lsm, undefined where it cannot be read
 * @param config - the kernel's build configuration, undefined where it cannot be read
 * @param commandLine - /proc/cmdline
 * @returns 0 where there is none, or nobody says that it is on
 */
export function landlockAbiOf(
  release: string,
  lsm: string | undefined,
  config: string | undefined,
  commandLine: string,
): number {
  const modules = lsm ?? configuredModules(config, commandLine);
  if (!modules.trim().split(",").includes("landlock")) return 0;
  const [major = 0, minor = 0] = release.split(".").map(Number);
  return LANDLOCK_ABIS.find(([a, b]) => major > a || (major === a && minor >= b))?.[2] ?? 0;
}

function configuredModules(config: string | undefined, commandLine: string): string {
  if (config === undefined || !/^CONFIG_SECURITY_LANDLOCK=y$/m.test(config)) return "";
  return /(?:^|\s)lsm=(\S+)/.exec(commandLine)?.[1] ?? /^CONFIG_LSM="([^"]*)"$/m.exec(config)?.[1] ?? "";
}

/** The kernel filters system calls: it says so of every process, in proc_pid_status(5). */
export function hasSeccomp(status: string): boolean {
  return /^Seccomp:\s+\d/m.test(status);
}

const GPU_VENDORS: Readonly<Record<string, string>> = { "8086": "intel", "1002": "amd", "10de": "nvidia" };

/** @param devices - class and vendor of each PCI device, as sysfs has them: `0x030000`, `0x8086` */
export function gpusOf(
  devices: readonly { readonly deviceClass: string; readonly vendor: string }[],
): readonly string[] {
  // Class 03 is "display controller".
  const vendors = devices
    .filter(({ deviceClass }) => deviceClass.trim().startsWith("0x03"))
    .map(({ vendor }) => vendor.trim().replace(/^0x/, "").toLowerCase());
  return [...new Set(vendors.map((vendor) => GPU_VENDORS[vendor] ?? vendor))];
}

/** LANG as the session says it, else as locale.conf(5) or Debian's file of the same form does, else what all have. */
export function localeOf(variable: string | undefined, files: readonly (string | undefined)[]): string {
  const written = files.flatMap((file) => /^LANG=["']?([A-Za-z0-9_.@-]{1,50})["']?$/m.exec(file ?? "")?.[1] ?? []);
  return variable || (written[0] ?? "C.UTF-8");
}

/** IANA name from what tzset(3) and Debian look at, in their order. */
export function timeZoneOf(
  variable: string | undefined,
  localtimeTarget: string | undefined,
  file: string | undefined,
): string {
  const named = variable?.replace(/^:/, "");
  const linked = localtimeTarget?.split("/zoneinfo/")[1];
  const found = [named, linked, file?.trim()].find(
    (name) => name !== undefined && /^[A-Za-z][\w+/-]{1,63}$/.test(name),
  );
  return found ?? "UTC";
}

/** Debian's word for what uname(1) or Node call the machine. */
export function architectureOf(nodeArchitecture: string): string {
  const words: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64", arm: "armhf", ia32: "i386" };
  return words[nodeArchitecture] ?? nodeArchitecture;
}

/** The first thing that looks like a version in the first line of what a program says; the rest tells of licences. */
export function versionIn(text: string): string | undefined {
  return /\d+(?:\.\d+)+/.exec(text.slice(0, 2000).split("\n")[0] ?? "")?.[0];
}
