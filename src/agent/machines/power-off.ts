/** Power off: the step between asking an app to end and killing all of it, where it has a machine that can be switched off. */
import { BACKENDS } from "../../backends/index.ts";
import { type ProcessName, signalProcess, waitForEnd } from "../../host/index.ts";
import type { StartRecord } from "../start-record.ts";

/** A machine ends in a moment when its VMM does as it is told; on a busy host it has to write down what it must. */
const OFF_WITHIN_MS = 20_000;

/** A whole system has more to bring to its end than an app has, and is many times slower where it is emulated. */
const SYSTEM_WITHIN_MS = 180_000;

/** How long one waits for an end that was asked for. */
export function patienceFor({ spec }: StartRecord, graceMs: number): number {
  const whole = spec.system !== undefined || spec.guest === "system";
  return whole ? Math.max(graceMs, SYSTEM_WITHIN_MS) : graceMs;
}

/** What came of a stop. */
export interface Stopped {
  readonly exitCode: number;
  /** Its last step; undefined where nothing ran any more. */
  readonly by: "asked" | "powered-off" | "killed" | undefined;
}

export function stepOf(asked: boolean, off: boolean): Stopped["by"] {
  if (asked) return "asked";
  return off ? "powered-off" : "killed";
}

/** @param monitors - what stands for the app; @param first - with which all ends */
export async function poweredOff(
  { isolation }: StartRecord,
  monitors: readonly ProcessName[],
  first: ProcessName,
): Promise<boolean> {
  if (BACKENDS[isolation]?.boots !== true) return false;
  for (const monitor of monitors) signalProcess(monitor, "SIGPWR");
  return await waitForEnd(first, OFF_WITHIN_MS);
}
