/** Programs of the host: where they are and which version they say they are. */
import { access, constants, stat } from "node:fs/promises";
import type { HostFacts } from "../model/index.ts";
import { versionIn } from "./probe-texts.ts";
import { runProgram } from "./run-program.ts";

/** All that Skerry may ever start on a host, by the name that facts have it under. */
export const PROGRAMS = [
  "apt-cache",
  "apt-get",
  "bwrap",
  "cc",
  "cloud-hypervisor",
  "crosvm",
  "dpkg-deb",
  "dpkg-query",
  "firecracker",
  "flock",
  "notify-send",
  "git",
  "gpg",
  "inotifywait",
  "ip",
  "mkfs.erofs",
  "mount",
  "newgidmap",
  "newuidmap",
  "nft",
  "nsenter",
  "passt",
  "pasta",
  "qemu-img",
  "qemu-system-x86_64",
  "setpriv",
  "sudo",
  "swtpm",
  "systemctl",
  "systemd-run",
  "tar",
  "unshare",
  "usermod",
  "waypipe",
  "xdg-dbus-proxy",
  "xz",
  "zstd",
] as const;

/** Programs that have no option for it, or that only print how they are used. */
const VERSIONLESS: ReadonlySet<string> = new Set(["newuidmap", "newgidmap", "usermod"]);

/** Other names that a program goes by. */
const ALIASES: Readonly<Record<string, readonly string[]>> = { cc: ["cc", "gcc"] };

/** Searched besides PATH: tools for the administrator lie in folders that a user's PATH has not. */
const SYSTEM_FOLDERS = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];

/** A program that needs longer than this to say its version has none. Whole milliseconds. */
const VERSION_MS = 20_000;

/** How many are asked at once: a version is quickly said, but a small machine has other things to do. */
const AT_ONCE = 8;

/**
 * @param withVersions - runs each program once; without, the version is undefined
 */
export async function probePrograms(path: string | undefined, withVersions: boolean): Promise<HostFacts["programs"]> {
  const folders = searchFolders(path);
  const found: Record<string, { path: string; version: string | undefined }> = {};
  const waiting = [...PROGRAMS];
  const worker = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const file = await findProgram(ALIASES[name] ?? [name], folders);
      if (file === undefined) continue;
      const version = withVersions && !VERSIONLESS.has(name) ? await versionOf(file) : undefined;
      found[name] = { path: file, version };
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return Object.fromEntries(Object.entries(found).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** PATH first, without what is relative there: a program must not depend on where one stands. */
export function searchFolders(path: string | undefined): readonly string[] {
  const named = (path ?? "").split(":").filter((folder) => folder.startsWith("/"));
  return [...new Set([...named, ...SYSTEM_FOLDERS])].slice(0, 100);
}

async function findProgram(names: readonly string[], folders: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    for (const folder of folders) {
      const file = `${folder}/${name}`;
      const usable = await access(file, constants.X_OK)
        .then(async () => (await stat(file)).isFile())
        .catch(() => false);
      if (usable) return file;
    }
  }
  return undefined;
}

async function versionOf(file: string): Promise<string | undefined> {
  const end = await runProgram([file, "--version"], { timeoutMs: VERSION_MS, maxOutputBytes: 65_536 });
  return end.ok ? versionIn(end.value.stdout || end.value.stderr) : undefined;
}
