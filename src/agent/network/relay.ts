/**
 * Relay: two streams become one connection, each way with backpressure, each end of one told to the other.
 *
 * Invariants
 * - Nothing is kept but what is on its way: a slow reader slows its writer down.
 * - A reset of one side is a reset of the other; the end of what one side says is told to the other, which may go on.
 * - A connection on which nothing has moved for the idle time is ended.
 * - Under a quota or a rate, no byte passes that was not allowed before.
 */
import type { Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import type { Allowance } from "../../broker/index.ts";
import type { Lender } from "./lender.ts";
import { readInto } from "./reading.ts";

/** As long as TCP's keep-alive waits by default: who is silent for longer is gone, or will connect anew. */
const IDLE_MS = 2 * 60 * 60_000;

/** One side has ended: what is left of a half-open connection is not waited for longer. */
const HALF_OPEN_MS = 10 * 60_000;

/** A rate is asked again at the latest then, so that a connection that has ended is noticed. */
const WAIT_MOST_MS = 1_000;

export interface Relayed {
  /** Bytes from the app. */
  readonly sent: number;
  /** Bytes to the app. */
  readonly received: number;
  /** It was ended since the rule's quota is used up. */
  readonly usedUp: boolean;
}

export interface RelayOptions {
  readonly allowance: Allowance | undefined;
  readonly lender: Lender;
}

/** @returns what has passed, once both are closed */
export async function relay(app: Socket, server: Socket, { allowance, lender }: RelayOptions): Promise<Relayed> {
  let usedUp = false;
  return await new Promise((resolve) => {
    let open = 2;
    const closed = () => {
      open -= 1;
      if (open === 0) resolve({ sent: app.bytesRead, received: app.bytesWritten, usedUp });
    };
    for (const [socket, other] of [
      [app, server],
      [server, app],
    ] as const) {
      if (!socket.destroyed) socket.once("close", closed);
      else {
        other.resetAndDestroy();
        closed();
      }
    }
    join(app, server);
    join(server, app);
  });

  function join(one: Socket, other: Socket): void {
    one.setTimeout(IDLE_MS, () => {
      one.destroy();
      other.destroy();
    });
    one.on("error", () => other.resetAndDestroy());
    const ended = () => {
      one.setTimeout(HALF_OPEN_MS);
      other.setTimeout(HALF_OPEN_MS);
      other.end();
    };
    if (one.readableEnded) ended();
    else one.once("end", ended);
    // Closed without an end of its words: the other must not take what it got for all.
    one.on("close", () => {
      if (!one.readableEnded) other.resetAndDestroy();
    });
    const take = (bytes: Uint8Array) => (allowance === undefined ? write(other, bytes) : pass(bytes, other, allowance));
    readInto(one, take, { lender: allowance === undefined ? lender : undefined });
  }

  /** @returns when all has passed, or nothing passes any more */
  async function pass(piece: Uint8Array, other: Socket, by: Allowance): Promise<void> {
    for (let rest = piece; rest.length > 0; ) {
      if (other.destroyed) return;
      const take = by.take(rest.length, Date.now(), performance.now());
      if (take.kind === "used-up") {
        usedUp = true;
        for (const socket of [app, server]) socket.resetAndDestroy();
        return;
      }
      if (take.kind === "wait") {
        await pause(Math.min(take.milliseconds, WAIT_MOST_MS));
        continue;
      }
      const passes = rest.subarray(0, take.bytes);
      rest = rest.subarray(take.bytes);
      await write(other, passes);
    }
  }
}

/** @returns undefined once the kernel has taken all of it at once; else what ends when its memory may be used again */
function write(socket: Socket, bytes: Uint8Array): Promise<void> | undefined {
  let written = () => {};
  socket.write(bytes, () => written());
  // Also called for what is never written, once the socket has ended.
  return socket.writableLength === 0 ? undefined : new Promise((resolve) => (written = resolve));
}
