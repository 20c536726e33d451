/**
 * Measure: runs commands in turn, A B C A B C …, so that a machine that becomes slower does so for all of them.
 *
 * Times are of whole processes, from before they are started until they have been waited for, in milliseconds.
 */
import { spawnSync } from "node:child_process";

export interface Runner {
  readonly name: string;
  /** @returns how long it took; a fault where it failed */
  readonly run: () => number | Promise<number>;
}

export interface Measured {
  readonly name: string;
  readonly medianMs: number;
  readonly leastMs: number;
  readonly runs: number;
}

export interface CommandOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly directory?: string;
}

export function command(name: string, argv: readonly [string, ...string[]], options: CommandOptions = {}): Runner {
  return { name, run: () => timeOf(argv, options) };
}

export function timeOf([program, ...rest]: readonly [string, ...string[]], options: CommandOptions = {}): number {
  const begun = performance.now();
  const { status, stderr, error } = spawnSync(program, rest, {
    stdio: ["ignore", "ignore", "pipe"],
    env: options.environment ?? { PATH: process.env["PATH"] ?? "/usr/bin:/bin", HOME: process.env["HOME"] ?? "/" },
    ...(options.directory === undefined ? {} : { cwd: options.directory }),
  });
  const took = performance.now() - begun;
  if (status !== 0) throw new Error(`${program} failed (${status ?? error?.message}): ${String(stderr).slice(-500)}`);
  return took;
}

/** The first round warms caches up and is not counted. */
export async function inTurn(runners: readonly Runner[], rounds: number): Promise<readonly Measured[]> {
  const times = runners.map((): number[] => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [index, runner] of runners.entries()) {
      const took = await runner.run();
      if (round > 0) times[index]?.push(took);
    }
  }
  return runners.map(({ name }, index) => {
    const sorted = (times[index] ?? []).toSorted((left, right) => left - right);
    return { name, medianMs: medianOf(sorted), leastMs: sorted[0] ?? Number.NaN, runs: sorted.length };
  });
}

export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length >> 1;
  const [upper = Number.NaN, lower = upper] = [sorted[middle], sorted[middle - 1]];
  return sorted.length % 2 === 1 ? upper : (lower + upper) / 2;
}

/** One line of the table: a figure, what it is compared with, and the goal. */
export interface Figure {
  readonly what: string;
  readonly value: string;
  readonly against: string;
  readonly ratio: number | undefined;
  /** As it is promised: `at most 3`. */
  readonly goal: string;
  readonly reached: boolean | undefined;
}

export function msFigure(what: string, ours: Measured, theirs: Measured, most: number | undefined): Figure {
  const ratio = ours.medianMs / theirs.medianMs;
  return {
    what,
    value: `${ours.medianMs.toFixed(1)} ms`,
    against: `${theirs.name}: ${theirs.medianMs.toFixed(1)} ms`,
    ratio,
    goal: most === undefined ? "" : `at most ${most}`,
    reached: most === undefined ? undefined : ratio <= most,
  };
}
