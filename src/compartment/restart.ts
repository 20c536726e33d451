/**
 * Restart: what follows an end in the background. Pure: policy, what happened so far and the clock in, what is to be out.
 *
 * Times are milliseconds of the wall clock, since they are kept on the disk and outlive the agent. A clock that was set
 * back must not make an app wait for longer than its policy says.
 *
 * Invariants
 * - What its owner has stopped is never started again.
 * - A delay is never shorter than the policy's first one, never longer than its longest one.
 * - What is kept has a bound: no more ends than the policy counts.
 */
import type { RestartPolicy } from "../model/index.ts";

export interface Supervision {
  /** `down`: it has ended and stays so, by its owner's word or by its own. */
  readonly wanted: "up" | "down";
  /** Restarts so far, each after a run that was too short to begin anew. */
  readonly inARow: number;
  /** When it has ended, the newest last; only those that the policy's bound counts. */
  readonly ends: readonly number[];
  /** When it is to be started again; undefined while it runs or stays down. */
  readonly dueMs: number | undefined;
  /** It has ended more often than its policy lets pass. */
  readonly gaveUp: boolean;
}

/** Just started by its owner: nothing of before counts. */
export const FRESH: Supervision = { wanted: "up", inARow: 0, ends: [], dueMs: undefined, gaveUp: false };

/** Stopped by its owner. */
export const STOPPED: Supervision = { ...FRESH, wanted: "down" };

export interface EndSeen {
  readonly startedMs: number;
  readonly endedMs: number;
  /** Undefined where nobody saw how it ended, or where it could not be started at all. */
  readonly exitCode: number | undefined;
}

export function afterEnd(policy: RestartPolicy, before: Supervision, end: EndSeen): Supervision {
  const again = policy.when === "always" || (policy.when === "on-failure" && end.exitCode !== 0);
  if (before.wanted === "down" || !again) return { ...before, wanted: "down", dueMs: undefined };
  const { most, delayMs, longestDelayMs } = policy;
  const ends =
    most === undefined
      ? []
      : [...before.ends, end.endedMs]
          .filter((at) => at <= end.endedMs && end.endedMs - at < most.withinMs)
          .slice(-(most.ends + 1));
  if (most !== undefined && ends.length > most.ends)
    return { wanted: "down", inARow: before.inARow, ends, dueMs: undefined, gaveUp: true };
  const inARow = end.endedMs - end.startedMs > longestDelayMs ? 0 : before.inARow;
  const delay = Math.min(delayMs * 2 ** inARow, longestDelayMs);
  return { wanted: "up", inARow: inARow + 1, ends, dueMs: end.endedMs + delay, gaveUp: false };
}

/** It is to be started now. */
export function isDue({ longestDelayMs }: RestartPolicy, { dueMs }: Supervision, nowMs: number): boolean {
  return dueMs !== undefined && (nowMs >= dueMs || dueMs - nowMs > longestDelayMs);
}

/** It was started again, by its policy: the count goes on. */
export function startedAgain(before: Supervision): Supervision {
  return { ...before, dueMs: undefined };
}
