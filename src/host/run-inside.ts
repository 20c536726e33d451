/**
 * Runs commands in new user and mount namespaces that hold the user's own id as root and all of the user's
 * subordinate ids behind it. That is where packages are installed and where their files can be removed again.
 *
 * The namespaces are not a wall: they still see the host's files. What runs foreign code in them puts bubblewrap
 * around it (package-engines/). If this process dies, so does all that was started here.
 */
import { statfs } from "node:fs/promises";
import type { HostFacts } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";
import type { InsideCommand } from "../step/index.ts";
import type { InsideEvent } from "./inside-events.ts";
import { ownProgram } from "./own-program.ts";
import { runProgram } from "./run-program.ts";

export type InsideProblem =
  | { readonly kind: "inside-failed"; readonly label: string; readonly code: number; readonly because: string }
  | { readonly kind: "host-lacks"; readonly what: string; readonly fix: string }
  | { readonly kind: "no-space"; readonly path: string }
  | { readonly kind: "interrupted" };

/** So much stays free on the disk: a package that writes without end is ended before the host suffers. */
const RESERVE_BYTES = 32 * 1024 * 1024;

const LOOK_AT_DISK_EVERY_MS = 250;

export interface InsideOptions {
  readonly signal: AbortSignal;
  /** Folder that the commands fill. They are ended before its disk is full. */
  readonly fills?: string;
  /** Called when a command begins. */
  readonly onStart?: (index: number, label: string) => void;
}

/** @returns what the commands captured, by name */
export async function runInside(
  facts: HostFacts,
  commands: readonly InsideCommand[],
  { signal, onStart, fills }: InsideOptions,
): Promise<Result<Readonly<Record<string, string>>, InsideProblem>> {
  const entrance = namespaceEntrance(facts);
  if (!entrance.ok) return entrance;
  const captured: Record<string, string> = {};
  let failed: InsideProblem | undefined;
  let rest = "";
  const full = new AbortController();
  const lookAtDisk = async () => {
    if (fills !== undefined && (await isFull(fills))) full.abort();
  };
  await lookAtDisk();
  const looking = setInterval(() => void lookAtDisk(), LOOK_AT_DISK_EVERY_MS);
  const hear = (line: string) => {
    const event: InsideEvent = JSON.parse(line);
    if (event.kind === "started") onStart?.(event.index, commands[event.index]?.label ?? "");
    if (event.kind === "captured") captured[event.name] = event.text;
    if (event.kind === "failed") {
      failed = {
        kind: "inside-failed",
        label: commands[event.index]?.label ?? "",
        code: event.code,
        because: event.words,
      };
    }
  };
  const end = await runProgram(
    [...entrance.value, process.execPath, "--disable-warning=ExperimentalWarning", ownProgram("host/inside")],
    {
      input: JSON.stringify(commands),
      signal: AbortSignal.any([signal, full.signal]),
      maxOutputBytes: 64 * 1024 * 1024,
      onOutput: (stream, text) => {
        if (stream !== "stdout") return;
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) hear(line);
      },
    },
  );
  clearInterval(looking);
  // What fails for want of space says so in many ways.
  if (failed !== undefined) await lookAtDisk();
  if (full.signal.aborted) return refusal({ kind: "no-space", path: fills ?? "" });
  if (failed !== undefined) return { ok: false, problem: failed };
  if (!end.ok) {
    if (end.problem.kind === "interrupted") return refusal({ kind: "interrupted" });
    return refusal({ kind: "inside-failed", label: "start", code: 125, because: end.problem.kind });
  }
  if (end.value.code !== 0) {
    return refusal({
      kind: "inside-failed",
      label: "start",
      code: end.value.code,
      because: end.value.stderr.slice(-2000),
    });
  }
  return success(captured);
}

async function isFull(folder: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(folder).catch(() => ({ bavail: Infinity, bsize: 1 }));
  return bavail * bsize < RESERVE_BYTES;
}

/**
 * The command line in front of whatever is to run in the namespaces.
 *
 * The ranges are named one by one: unshare(1) of util-linux 2.38 finds the wrong ones for root by itself.
 */
export function namespaceEntrance(facts: HostFacts): Result<readonly [string, ...string[]], InsideProblem> {
  const ids = facts.subordinateIds;
  const unshare = facts.programs["unshare"]?.path;
  const setpriv = facts.programs["setpriv"]?.path;
  if (unshare === undefined || setpriv === undefined) {
    return refusal({ kind: "host-lacks", what: "unshare and setpriv of util-linux", fix: "./skerry setup" });
  }
  if (ids === undefined || facts.programs["newuidmap"] === undefined) {
    return refusal({ kind: "host-lacks", what: `a range of subordinate ids for ${facts.user}`, fix: "./skerry setup" });
  }
  const map = (range: { readonly first: number; readonly count: number }) =>
    `${range.first},1,${Math.min(range.count, 65535)}`;
  return success([
    setpriv,
    ...["--pdeathsig", "KILL", "--", unshare, "--user", "--map-root-user"],
    ...[`--map-users=${map(ids.uid)}`, `--map-groups=${map(ids.gid)}`],
    // All ends with the first process in it, also what a command has left behind.
    ...["--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"],
  ]);
}
