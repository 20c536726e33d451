/**
 * Reading: a socket's bytes, handed on from a buffer that is used again, and not as pieces of memory of their own.
 *
 * A fast stream is slow in small pieces: who fills the buffer of his own is lent a large one (`Lender`), for as long as he
 * makes use of it.
 *
 * Invariant: what was handed on is not overwritten before it has been taken: nothing is read meanwhile.
 */
import { connect, Socket, type TcpNetConnectOpts } from "node:net";
import type { Lender } from "./lender.ts";

/** As much as Node reads at once by itself. Memory that nothing was ever read into is not taken. */
const OWN_BYTES = 64 * 1024;

/** Of those that nobody has: to make them anew costs time, and to keep them memory. */
const KEPT_MOST = 32;

/** @returns undefined if all has been taken; else nothing more is read until that has ended */
type Take = (bytes: Uint8Array) => Promise<void> | undefined;

interface ReadOptions {
  /** Who makes bytes wait needs no large buffer. */
  readonly lender: Lender | undefined;
}

type Begin = (take: Take, options: ReadOptions) => void;

/** Of sockets that were made here, what reads them. Nobody may listen for their `data`. */
const readers = new WeakMap<Socket, Begin>();

/** From now on what comes goes there; nothing was read before, where the socket was made here or is paused. */
export function readInto(socket: Socket, take: Take, options: ReadOptions): void {
  const begin = readers.get(socket) ?? readerOf(socket);
  readers.set(socket, begin);
  begin(take, options);
}

/** A new connection, from which nothing is read before `readInto`. */
export function connectBuffered(options: TcpNetConnectOpts): Socket {
  return buffered((onread) => connect({ ...options, onread }));
}

/** The same of a handle. Node takes such a handle, and does not say so (net.js, `Socket`). */
export function bufferedOf(handle: object): Socket {
  return buffered((onread) => {
    const options: object = { handle, allowHalfOpen: true, onread };
    return new Socket(options);
  });
}

/**
 * The same of a connection that a server has taken and not read from, which was asked for with `pauseOnConnect`. Node gives
 * nobody a buffer for those, so what is behind the socket goes to a new one.
 */
export function bufferedAgain(accepted: Socket): Socket {
  const handle: unknown = Reflect.get(accepted, "_handle");
  // Another Node may keep it elsewhere; the connection is a slower one then.
  if (typeof handle !== "object" || handle === null || !Reflect.set(accepted, "_handle", null)) return accepted;
  const socket = bufferedOf(handle);
  // Nothing is behind it any more: only its server hears of that.
  accepted.destroy();
  return socket;
}

/** Buffers that nobody has now. */
const free: Buffer[] = [];

function buffered(make: (onread: NonNullable<TcpNetConnectOpts["onread"]>) => Socket): Socket {
  const own = free.pop() ?? Buffer.allocUnsafeSlow(OWN_BYTES);
  let large: Buffer | undefined;
  let taking: Promise<void> | undefined;
  let take: Take = () => undefined;
  let lender: Lender | undefined;
  const giveBack = () => {
    // What is still being written from it is nobody else's to overwrite.
    if (large !== undefined) lender?.takeBack(large, taking === undefined);
    large = undefined;
  };
  const more = () => {
    taking = undefined;
    socket.resume();
  };
  const socket = make({
    // Asked for before the first piece and after each.
    buffer: () => large ?? own,
    callback(count, buffer) {
      taking = take(buffer.subarray(0, count));
      if (count === OWN_BYTES) large ??= lender?.lend();
      else if (count < OWN_BYTES && taking === undefined) giveBack();
      taking?.then(more, () => socket.resetAndDestroy());
      return taking === undefined && !socket.isPaused();
    },
  });
  // Else Node reads at once.
  socket.pause();
  socket.once("close", () => {
    giveBack();
    if (taking === undefined && free.length < KEPT_MOST) free.push(own);
  });
  readers.set(socket, (by, options) => {
    take = by;
    lender = options.lender;
    more();
  });
  return socket;
}

/** One that was made elsewhere: each piece is memory of its own. */
function readerOf(socket: Socket): Begin {
  let take: Take = () => undefined;
  socket.on("data", (bytes) => {
    const taking = take(bytes);
    if (taking === undefined) return;
    socket.pause();
    taking.then(
      () => socket.resume(),
      () => socket.resetAndDestroy(),
    );
  });
  return (by) => {
    take = by;
    socket.resume();
  };
}
