/** Measure: what trees take on the disk. A file with many names, in one tree or in several, is counted once. */
import { spawn } from "node:child_process";
import type { Measured } from "../../step/index.ts";

/** Blocks as stat(2) counts them. */
const BLOCK_BYTES = 512;

interface Seen {
  readonly bytes: number;
  readonly groups: Set<number>;
}

/** @param groups - paths of folders; one that is not there takes nothing */
export async function measure(groups: readonly (readonly string[])[]): Promise<Measured> {
  const seen = new Map<string, Seen>();
  const users = new Map<string, Set<number>>();
  for (const [index, paths] of groups.entries())
    for (const path of paths) users.set(path, (users.get(path) ?? new Set()).add(index));
  for (const [path, those] of users) {
    for await (const [inode, bytes] of inodesOf(path)) {
      const before = seen.get(inode);
      if (before === undefined) seen.set(inode, { bytes, groups: new Set(those) });
      else for (const group of those) before.groups.add(group);
    }
  }
  const sums = groups.map(() => ({ own: 0, shared: 0 }));
  let all = 0;
  for (const { bytes, groups: those } of seen.values()) {
    all += bytes;
    for (const group of those) {
      const sum = sums[group];
      if (sum === undefined) continue;
      if (those.size === 1) sum.own += bytes;
      else sum.shared += bytes;
    }
  }
  return { groups: sums, all };
}

async function* inodesOf(path: string): AsyncGenerator<readonly [string, number]> {
  const child = spawn("/usr/bin/find", ["-H", path, "-xdev", "-printf", "%D:%i %b\\n"], {
    stdio: ["ignore", "pipe", "ignore"],
    env: { PATH: "/usr/bin:/bin", LC_ALL: "C.UTF-8" },
  });
  let rest = "";
  for await (const piece of child.stdout) {
    const lines = `${rest}${String(piece)}`.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const [inode = "", blocks = "0"] = line.split(" ");
      yield [inode, Number(blocks) * BLOCK_BYTES];
    }
  }
}
