/**
 * Reading: a socket's bytes, handed on from a buffer that is used again, and not as pieces of memory of their own.
 *
 * A fast stream is slow in small pieces: who fills the buffer of his own is lent a large one, for as long as he makes use of
 * it. There are few of those for all sockets together; who gets none goes on as he is.
 *
 * Invariant: what was handed on is not overwritten before it has been taken: nothing is read meanwhile.
 */
import { connect, Socket, type TcpNetConnectOpts } from "node:net";

/** As much as Node reads at once by itself. Memory that nothing was ever read into is not taken. */
const OWN_BYTES = 64 * 1024;

const LARGE_BYTES = 1024 * 1024;

const LARGE_MOST = 16;

/** Of those that nobody has: to make them anew costs time, and to keep them memory. */
const KEPT_MOST = { own: 32, large: 2 };

/** @returns undefined if all has been taken; else nothing more is read until that has ended */
type Take = (bytes: Uint8Array) => Promise<void> | undefined;

interface ReadOptions {
  /** Who makes bytes wait needs no large buffer, and is lent none. */
  readonly mayBorrow: boolean;
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

/** Buffers that nobody has now, and how many large ones are lent. */
const free = { own: [] as Buffer[], large: [] as Buffer[] };
let lent = 0;

function buffered(make: (onread: NonNullable<TcpNetConnectOpts["onread"]>) => Socket): Socket {
  const own = free.own.pop() ?? Buffer.allocUnsafeSlow(OWN_BYTES);
  let large: Buffer | undefined;
  let taking: Promise<void> | undefined;
  let take: Take = () => undefined;
  let mayBorrow = false;
  const giveBack = () => {
    if (large === undefined) return;
    lent -= 1;
    // What is still being written from it is nobody else's to overwrite.
    if (taking === undefined && free.large.length < KEPT_MOST.large) free.large.push(large);
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
      if (taking === undefined && count < OWN_BYTES) giveBack();
      else if (mayBorrow && large === undefined && count === OWN_BYTES && lent < LARGE_MOST) {
        large = free.large.pop() ?? Buffer.allocUnsafeSlow(LARGE_BYTES);
        lent += 1;
      }
      taking?.then(more, () => socket.resetAndDestroy());
      return taking === undefined && !socket.isPaused();
    },
  });
  // Else Node reads at once.
  socket.pause();
  socket.once("close", () => {
    giveBack();
    if (taking === undefined && free.own.length < KEPT_MOST.own) free.own.push(own);
  });
  readers.set(socket, (by, options) => {
    take = by;
    mayBorrow = options.mayBorrow;
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
