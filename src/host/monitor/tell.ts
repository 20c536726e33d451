/** Tell: what a machine hears of its host before anything else, and whenever it stood still: the time, and random numbers. */
import { randomBytes } from "node:crypto";
import type { Channel } from "./channel.ts";
import { watchClock } from "./clock-watch.ts";

/** What a machine's randomness begins with; helper/guest.c takes as much. */
const SEED_BYTES = 64;

/** What we tell a machine has no answer that we would want. */
const UNHEARD = { room() {}, data() {}, end() {}, reset() {} };

/** Before anything of the owner's runs in it: time and randomness come from here. */
export function prepare(into: Channel): void {
  tellTime(into);
  into.open(`seed ${randomBytes(SEED_BYTES).toString("hex")}`, UNHEARD);
}

/** Nobody is told who stood still with us: a machine that is frozen, or whose host slept, gets the time again. */
export function keepTime(into: Channel): void {
  watchClock(() => tellTime(into));
}

function tellTime(into: Channel): void {
  into.open(`clock ${Math.round(Date.now() / 1000)}`, UNHEARD);
}
