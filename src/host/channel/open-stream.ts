/**
 * Opens a stream into a running virtual machine, at the socket of its monitor (host/monitor/clients.ts): a program beside the
 * app, a connection to one of its servers, a word to its control end. What the labels mean stands in helper/guest.c.
 *
 * The socket lies in the monitor's own view of the world, in memory, where only who rules over that wall can go: the owner
 * of the machine, and root. It outlives every agent.
 *
 * Invariant: the monitor is as little believed as the machine. It may have put a link in the socket's place: what is
 * connected to is what was looked at, held by a descriptor.
 */
import { once } from "node:events";
import { constants } from "node:fs";
import { open, stat } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { type Result, refusal, success } from "../../result.ts";
import { isAlive, type ProcessName } from "../processes.ts";

export interface NoStream {
  readonly kind: "no-stream";
  /** In words, the machine's own as plain characters. */
  readonly because: string;
}

export interface Stream {
  /** Nobody reads from it yet. Its end is told as the stream's, a reset as a close. */
  readonly socket: Socket;
  /** By which the labels of other streams speak of it. */
  readonly id: number;
}

/** Of linux/fcntl.h; Node does not name it. */
const O_PATH = 0o10000000;

/** A machine that does not answer is busy, or lost. */
const ANSWERS_WITHIN_MS = 60_000;

/** On a busy host a monitor takes seconds to begin. */
const STANDS_WITHIN_MS = 20_000;
const LOOK_AGAIN_MS = 20;

/** `+` and a number, or `-` and a reason. */
const ANSWER_BYTES_LIMIT = 300;

/**
 * @param of - the first process behind the wall of the machine
 * @param label - a word and what goes with it, separated by blanks; behind a zero byte the words of a command, each closed by one
 */
export async function openStream(
  of: ProcessName,
  label: string,
  withinMs = ANSWERS_WITHIN_MS,
): Promise<Result<Stream, NoStream>> {
  const connected = await connectInside(of, "channel");
  return connected.ok ? await openStreamOn(connected.value, label, withinMs) : connected;
}

/** @param socket - connected to the monitor, with nothing said on it yet */
export async function openStreamOn(
  socket: Socket,
  label: string,
  withinMs = ANSWERS_WITHIN_MS,
): Promise<Result<Stream, NoStream>> {
  // From the answer on, nothing is waited for: an end that comes with it would be told to nobody.
  const answer = await askFor(socket, Buffer.from(label), withinMs).catch((error: unknown) => `-${String(error)}`);
  const id = /^\+([1-9]\d{0,9})$/.exec(answer)?.[1];
  if (id !== undefined) return success({ socket, id: Number(id) });
  socket.destroy();
  return refusal({ kind: "no-stream", because: answer.replace(/^-/, "") });
}

/** Resolves when the machine's monitor can be asked, or will not be: it comes a moment after the wall. */
export async function untilAsked(of: ProcessName): Promise<void> {
  const until = performance.now() + STANDS_WITHIN_MS;
  const stands = async () => (await stat(socketOf(of, "channel")).catch(() => undefined)) !== undefined;
  while (performance.now() < until && isAlive(of) && !(await stands())) await pause(LOOK_AGAIN_MS);
}

function socketOf({ pid }: ProcessName, name: string): string {
  return `/proc/${pid}/root/run/${name}`;
}

/** @param name - of one of the monitor's sockets */
export async function connectInside(of: ProcessName, name: string): Promise<Result<Socket, NoStream>> {
  const until = performance.now() + STANDS_WITHIN_MS;
  for (;;) {
    const connected = await connectOnce(of, name);
    if (connected !== "turned-down") return connected;
    if (!isAlive(of) || performance.now() > until)
      return refusal({ kind: "no-stream", because: "the machine has ended, or does not stand yet" });
    await pause(LOOK_AGAIN_MS);
  }
}

/** @returns `turned-down` by a monitor that begins: between its socket's name and its first ear for it */
async function connectOnce(of: ProcessName, name: string): Promise<Result<Socket, NoStream> | "turned-down"> {
  const path = socketOf(of, name);
  const file = await open(path, O_PATH | constants.O_NOFOLLOW).catch(() => undefined);
  if (file === undefined)
    return refusal({ kind: "no-stream", because: "the machine has ended, or does not stand yet" });
  try {
    // Looked at while it is held: neither the process nor the socket can become another one.
    if (!isAlive(of) || !(await file.stat()).isSocket())
      return refusal({ kind: "no-stream", because: "the machine has ended" });
    const socket = connect({ path: `/proc/self/fd/${file.fd}`, allowHalfOpen: true });
    await once(socket, "connect");
    return success(socket);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ECONNREFUSED") return "turned-down";
    return refusal({ kind: "no-stream", because: String(error) });
  } finally {
    await file.close();
  }
}

/** @returns the answer's one line; what comes behind it is still to be read */
async function askFor(socket: Socket, label: Buffer, withinMs: number): Promise<string> {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(label.length);
  return await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the machine does not answer")), withinMs);
    let answer = "";
    const look = () => {
      for (;;) {
        const byte: unknown = socket.read(1);
        if (!(byte instanceof Buffer)) return;
        if (byte[0] === LINE_END || answer.length > ANSWER_BYTES_LIMIT) return done();
        answer += byte.toString("latin1");
      }
    };
    const done = () => {
      clearTimeout(timer);
      socket.off("readable", look).off("close", gone).off("end", gone);
      resolve(answer);
    };
    const gone = () => reject(new Error("the machine has ended"));
    // Half-open is as good as closed: who has ended answers no more.
    socket.once("error", reject).once("close", gone).once("end", gone).on("readable", look);
    socket.write(Buffer.concat([length, label]));
  });
}

const LINE_END = 10;
