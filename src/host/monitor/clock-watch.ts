/**
 * Clock watch: notices that this host, or this monitor with its machine, stood still for a while (a suspend, `freeze`).
 * A machine's clock may not have gone on meanwhile: somebody has to set it.
 */

/** Often enough for a person, and seldom enough for a battery. */
const LOOK_EVERY_MS = 2_000;

/** A busy host is late by less; who is told without need is told the right time. */
const STOOD_STILL_MS = 3_000;

/** @param stepped - called when time has gone by that we have not seen; @returns what ends the watch */
export function watchClock(
  stepped: () => void,
  { now, everyMs }: { readonly now: () => number; readonly everyMs: number } = {
    now: Date.now,
    everyMs: LOOK_EVERY_MS,
  },
): () => void {
  let last = now();
  const timer = setInterval(() => {
    const gone = now() - last;
    last = now();
    if (Math.abs(gone - everyMs) > STOOD_STILL_MS) stepped();
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
