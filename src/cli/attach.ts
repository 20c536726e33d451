/** Attaching: the app gets this terminal, and this process only waits for it. */
import { type AttachedOptions, runAttached, unfitStream } from "../host/run-attached.ts";
import { APP_EXIT } from "./exit.ts";
import { complain } from "./print.ts";
import type { World } from "./world.ts";

/**
 * @param end - what to do when this process is asked to end (not by Ctrl-C, which is the app's); gets the way to send a
 *   signal to what was started
 * @returns the app's exit code
 */
export async function attach(
  world: World,
  argv: readonly string[],
  end: AttachedOptions["onEndAsked"],
  outputToError = false,
): Promise<number> {
  if (!streamsFit(world)) return APP_EXIT.skerryFailed;
  world.attached.now = true;
  try {
    return await runAttached(argv, { environment: CLEAN, signal: world.signal, onEndAsked: end, outputToError });
  } finally {
    world.attached.now = false;
  }
}

/** To be asked before anything is prepared: a start that is then not made would count as one that runs for a moment. */
export function streamsFit(world: World): boolean {
  const unfit = unfitStream();
  if (unfit === undefined) return true;
  complain(world, `${unfit} is a folder; an app that has it could go on from there. Grant it with --folder instead`);
  return false;
}

/** What the wall itself is started with; the app's own environment is in its arguments. */
export const CLEAN = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" } as const;
