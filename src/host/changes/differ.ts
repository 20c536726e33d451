/**
 * Differ: what has changed within files, as diff(1) tells it.
 *
 * It reads what an app has written, so it runs where all of this runs: in a compartment that has the two trees and nothing
 * else. Both files are handed over by descriptor; their names go into no command line but as a printable label.
 */
import { spawnSync } from "node:child_process";
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readlinkSync, readSync } from "node:fs";
import { escapeText } from "../../model/names.ts";
import { openFile, type Trees } from "./compare.ts";
import { type Change, LIMITS } from "./messages.ts";
import { Folder, inParent, isWhiteout } from "./tree.ts";

/** More than one person reads; a pair of files that takes diff(1) longer is told to differ. */
const TIMEOUT_MS = 10_000;

export function withDiffs(changes: readonly Change[], { upper, real }: Trees): readonly Change[] {
  const roots = { upper: Folder.at(upper), real: Folder.at(real) };
  let left: number = LIMITS.listedBytes;
  try {
    return changes.map((change) => {
      const diff = left <= 0 ? "not shown: there is more than can be shown at once\n" : diffOf(change, roots);
      left -= diff.length;
      return { ...change, diff };
    });
  } finally {
    roots.upper.close();
    roots.real.close();
  }
}

interface Side {
  readonly about: BigIntStats;
  readonly link: string | undefined;
  readonly file: number | undefined;
}

function diffOf({ path, type }: Change, roots: { readonly upper: Folder; readonly real: Folder }): string {
  const name = escapeText(Buffer.from(path, "latin1").toString("utf8"), LIMITS.path);
  const [old, now] = [sideOf(roots.real, path), sideOf(roots.upper, path)];
  try {
    const modes = [old, now].map((side) => (side === undefined ? "none" : (side.about.mode & 0o777n).toString(8)));
    const mode = old !== undefined && now !== undefined && modes[0] !== modes[1] ? `mode ${modes.join(" -> ")}\n` : "";
    if (old?.link !== undefined || now?.link !== undefined)
      return `${mode}link ${old?.link ?? "none"} -> ${now?.link ?? "none"}\n`;
    if (type === "folder" || (old?.file === undefined && now?.file === undefined)) return mode;
    if ([old, now].some((side) => (side?.about.size ?? 0n) > BigInt(LIMITS.diffBytes)))
      return `${mode}not shown: larger than ${LIMITS.diffBytes} bytes\n`;
    if ([old, now].some((side) => side?.file !== undefined && isBinary(side.file)))
      return `${mode}not shown: no text\n`;
    return mode + unified(name, old?.file, now?.file);
  } finally {
    for (const side of [old, now]) if (side?.file !== undefined) closeSync(side.file);
  }
}

/** What is there, opened where it is a file that may be read. */
function sideOf(root: Folder, path: string): Side | undefined {
  try {
    return inParent(root, path, (parent, name) => {
      const about = parent.find(name);
      if (about === undefined || isWhiteout(about)) return undefined;
      if (about.isSymbolicLink())
        return { about, link: escapeText(readlinkSync(parent.path(name), "utf8")), file: undefined };
      if (!about.isFile()) return { about, link: undefined, file: undefined };
      const file = openFile(parent, name);
      return { about: fstatSync(file, { bigint: true }), link: undefined, file };
    });
  } catch {
    return undefined;
  }
}

/** As git(1) and grep(1) tell: a zero byte near the beginning. */
function isBinary(file: number): boolean {
  const start = Buffer.alloc(8192);
  return start.subarray(0, readSync(file, start, 0, start.length, 0)).includes(0);
}

function unified(name: string, old: number | undefined, now: number | undefined): string {
  const nothing = openSync("/dev/null", constants.O_RDONLY);
  try {
    const side = (letter: string, file: number | undefined) =>
      file === undefined ? ["--label", "/dev/null"] : ["--label", `${letter}/${name}`];
    const labels = [...side("a", old), ...side("b", now)];
    const end = spawnSync("/usr/bin/diff", ["--unified", "--text", ...labels, "/proc/self/fd/3", "/proc/self/fd/4"], {
      stdio: ["ignore", "pipe", "ignore", old ?? nothing, now ?? nothing],
      maxBuffer: LIMITS.listedBytes,
      timeout: TIMEOUT_MS,
      killSignal: "SIGKILL",
    });
    return end.status === 0 || end.status === 1
      ? end.stdout.toString("utf8")
      : "not shown: takes too long or is too long\n";
  } finally {
    closeSync(nothing);
  }
}
