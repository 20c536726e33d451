/**
 * Status: what the wall itself wrote about one start, as JSON lines in the status file of its runtime folder.
 *
 * Two writers, one after the other: the helper (`wall-pid`, `start-ticks`), then bubblewrap (`child-pid`, `exit-code`).
 * Both are ours or the distribution's, but the file outlives crashes: a torn last line is no fault.
 */

export interface WallStatus {
  /** Process id on the host of the wall (bubblewrap's monitor), and its start in clock ticks since boot. */
  readonly wallPid: number | undefined;
  readonly startTicks: string | undefined;
  /** Process id on the host of the first process inside. */
  readonly childPid: number | undefined;
  /** As a shell counts: 128 + n after signal n. */
  readonly exitCode: number | undefined;
}

export function readStatus(text: string): WallStatus {
  const all: Record<string, unknown> = {};
  for (const line of text.split("\n")) {
    try {
      const value: unknown = JSON.parse(line);
      if (typeof value === "object" && value !== null) Object.assign(all, value);
    } catch {
      // An empty line, or one that a crash has cut.
    }
  }
  const number = (name: string) => (Number.isSafeInteger(all[name]) ? Number(all[name]) : undefined);
  return {
    wallPid: number("wall-pid"),
    startTicks: number("start-ticks")?.toString(),
    childPid: number("child-pid"),
    exitCode: number("exit-code"),
  };
}

/** What became of a start. */
export type StartState = "running" | "frozen" | "ended" | "lost";
