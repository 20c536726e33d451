/** A browser's own walls, seen from the host: what proc_pid_status(5) and namespaces(7) say of its processes. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export interface Walls {
  readonly command: string;
  /** Names of its namespaces: `user:[4026531837]`. */
  readonly namespaces: { readonly user: string; readonly net: string; readonly pid: string };
  /** Filters of system calls that it has put on or inherited. */
  readonly filters: number;
}

/** All processes below one, itself included; what ends meanwhile is left out. */
export function wallsBelow(pid: number): readonly Walls[] {
  const own = wallsOf(pid);
  return [...(own === undefined ? [] : [own]), ...childrenOf(pid).flatMap(wallsBelow)];
}

function wallsOf(process: number): Walls | undefined {
  const [status, command] = [textOf(process, "status"), textOf(process, "cmdline")];
  const filters = /^Seccomp_filters:\t(\d+)$/m.exec(status)?.[1];
  const [user, net, pid] = ["user", "net", "pid"].map((kind) => namespaceOf(process, kind));
  if (filters === undefined || user === undefined || net === undefined || pid === undefined) return undefined;
  return { command: command.replaceAll("\0", " "), namespaces: { user, net, pid }, filters: Number(filters) };
}

/** A process may be the child of any thread. */
function childrenOf(pid: number): readonly number[] {
  return threadsOf(pid).flatMap((thread) =>
    textOf(pid, `task/${thread}/children`).split(" ").filter(Boolean).map(Number),
  );
}

function threadsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

function textOf(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}

function namespaceOf(pid: number, kind: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/${kind}`);
  } catch {
    return undefined;
  }
}
