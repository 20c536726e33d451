/**
 * For the tests of the guest's control end: starts it on this host, where it is not the first process and powers nothing
 * off, with its port at one end of a pair of sockets; speaks with it in frames as they are, or as the monitor does.
 *
 * Invariant: whatever a test leaves running is hung up at `closeGuests`, for a new epoch ends all streams.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Mux } from "../src/host/monitor/mux.ts";
import { FRAME_TYPES, type Frame, FrameReader, frame, MAGIC } from "../src/host/monitor/mux-frames.ts";
import { until, type Workshop } from "./helper.fixture.ts";

/** Longer than any frame: whoever waits for the rest of one has it then, and looks for a greeting. */
export const SILENCE = Buffer.alloc(65_545);

const open: Line[] = [];
let epochs = 1;

/** One that no other host of this test file has had. */
export function newEpoch(): Buffer {
  const epoch = Buffer.alloc(8);
  epoch.writeUInt32BE(epochs++, 4);
  return epoch;
}

export function greeting(epoch: Buffer, theirs: Uint8Array): Buffer {
  return frame(FRAME_TYPES.hello, 0, Buffer.concat([MAGIC, epoch, theirs, Buffer.of(1)]));
}

export const opening = (id: number, label: string) => frame(FRAME_TYPES.open, id, Buffer.from(label));
export const credit = (id: number, bytes: number) => {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frame(FRAME_TYPES.credit, id, payload);
};

/** The label of a program: MODES and its words, each closed by a zero byte. */
export function exec(modes: string, words: readonly string[], size = "0 0"): string {
  return `exec ${modes} ${size}\0${closedByZeros(words)}`;
}

export function closedByZeros(words: readonly string[]): string {
  return words.map((word) => `${word}\0`).join("");
}

interface Line {
  readonly pid: number;
  readonly port: Socket;
  /** The exit code, when it has ended. */
  readonly ended: Promise<unknown>;
}

export function openLine(workshop: Workshop, options: readonly string[], words: readonly string[]): Line {
  const file = join(workshop.folder, `words-${randomUUID()}`);
  writeFileSync(file, closedByZeros([...options, "--", ...words]));
  const child = spawn(workshop.helper, ["begin", file], {
    stdio: ["ignore", "inherit", "inherit", "pipe"],
  });
  const port = child.stdio[3];
  assert.ok(port instanceof Socket && child.pid !== undefined);
  const ended = once(child, "exit").then(([code, signal]: unknown[]) => code ?? signal);
  const line = { pid: child.pid, port, ended };
  open.push(line);
  return line;
}

export async function closeGuests(): Promise<void> {
  for (const { port, ended } of open.splice(0)) {
    if (!port.destroyed) {
      port.resume().on("error", () => undefined);
      port.end(Buffer.concat([SILENCE, greeting(newEpoch(), Buffer.alloc(8))]));
    }
    assert.equal(await Promise.race([ended, pause(60_000, "runs on", { ref: false })]), 0);
  }
}

/** What it has started and not buried yet. */
export function childrenOf({ pid }: Line): number {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").length - 1;
}

/** Frames as they are: `heard` has all that it has said, `say` anything. */
export interface RawGuest extends Line {
  readonly heard: Frame[];
  readonly say: (...bytes: readonly Uint8Array[]) => void;
  /** Of its own, as it has greeted with. */
  readonly epoch: () => Buffer;
  /** Whatever came before: linked, with no stream. */
  readonly begin: () => void;
}

export async function openRaw(workshop: Workshop): Promise<RawGuest> {
  const line = openLine(workshop, [], ["/bin/false"]);
  const reader = new FrameReader();
  const heard: Frame[] = [];
  line.port.on("data", (bytes) => {
    const frames = reader.read(bytes);
    assert.ok(frames !== undefined, "a frame that is none");
    heard.push(...frames);
  });
  await until(() => heard.length === 1);
  const epoch = () => Buffer.from(heard[0]?.payload.subarray(8, 16) ?? []);
  const say = (...bytes: readonly Uint8Array[]) => void line.port.write(Buffer.concat(bytes));
  return { ...line, heard, say, epoch, begin: () => say(SILENCE, greeting(newEpoch(), epoch())) };
}

/** One stream, as the monitor sees it. */
export interface Stream {
  readonly id: number;
  /** It was taken up. */
  stands: boolean;
  text: string;
  bytes: number;
  ended: boolean;
  /** Why it is no more. */
  reset: string | undefined;
}

/** Speaks as the monitor does, which ends a guest that says what it has no leave for. */
export async function openGuest(
  workshop: Workshop,
  options: readonly string[] = [],
  words: readonly string[] = ["/bin/false"],
) {
  const line = openLine(workshop, options, words);
  const mux = new Mux("host", newEpoch(), (bytes) => void line.port.write(bytes));
  const streams = new Map<number, Stream>();
  line.port.on("data", (bytes) => {
    for (const event of mux.receive(bytes)) {
      assert.notEqual(event.kind, "astray", JSON.stringify(event));
      const stream = "id" in event ? streams.get(event.id) : undefined;
      if (stream === undefined) continue;
      if (event.kind === "room") stream.stands = true;
      if (event.kind === "end") stream.ended = true;
      if (event.kind === "reset") stream.reset = event.because;
      if (event.kind !== "data") continue;
      stream.text += event.bytes.toString("latin1");
      stream.bytes += event.bytes.length;
      mux.taken(event.id, event.bytes.length);
    }
  });
  mux.greet();
  await until(() => mux.linked);

  const ask = (label: string): Stream => {
    const id = mux.open(Buffer.from(label));
    assert.ok(id !== undefined);
    const stream = { id, stands: false, text: "", bytes: 0, ended: false, reset: undefined };
    streams.set(id, stream);
    return stream;
  };
  /** Opens a stream that must be taken up. */
  const get = async (label: string): Promise<Stream> => {
    const stream = ask(label);
    await until(() => stream.stands || stream.reset !== undefined);
    assert.equal(stream.reset, undefined, label);
    return stream;
  };
  return {
    ...line,
    mux,
    ask,
    get,
    /** @returns why it was turned down; undefined where it was met */
    word: async (label: string): Promise<string | undefined> => {
      const stream = ask(label);
      await until(() => stream.ended || stream.reset !== undefined);
      mux.end(stream.id);
      return stream.reset;
    },
    send: async ({ id }: Stream, bytes: Buffer): Promise<void> => {
      for (let rest = bytes; rest.length > 0; ) {
        const went = mux.write(id, rest);
        rest = rest.subarray(went);
        if (went === 0) await pause(1);
      }
    },
    /** @returns how the program of that stream has ended, in its own words */
    end: async (stream: Stream): Promise<string> => {
      await until(() => stream.ended);
      mux.end(stream.id);
      return stream.text;
    },
  };
}
