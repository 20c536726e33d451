/**
 * Lender: large buffers for fast streams of one instance, few at a time: what one instance has is no other's, and all of
 * them together have few enough. Who gets none goes on as he is.
 */

/** About as much as Linux lets wait in a socket that is read too slowly. */
const LARGE_BYTES = 1024 * 1024;

/** Of one instance. */
const LENT_MOST = 4;

const LENT_TO_ALL_MOST = 32;

/** Of those that nobody has: to make them anew costs time, and to keep them memory. */
const KEPT_MOST = 2;

const free: Buffer[] = [];
let lentToAll = 0;

export class Lender {
  #lent = 0;

  /** @returns undefined where there is none now */
  lend(): Buffer | undefined {
    if (this.#lent >= LENT_MOST || lentToAll >= LENT_TO_ALL_MOST) return undefined;
    this.#lent += 1;
    lentToAll += 1;
    return free.pop() ?? Buffer.allocUnsafeSlow(LARGE_BYTES);
  }

  /** @param again - it may be lent again: nothing is read from it any more */
  takeBack(buffer: Buffer, again: boolean): void {
    this.#lent -= 1;
    lentToAll -= 1;
    if (again && free.length < KEPT_MOST) free.push(buffer);
  }
}
