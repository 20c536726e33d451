/**
 * Mux: many streams over one channel, each with a window of its own. Bytes in, events and frames out. Pure.
 *
 * The other end is not believed. What a machine of ours never says (a stream that was not opened, more than was given leave
 * for, a type that is none) ends the conversation: the event `astray`, after which nothing more is to be read.
 *
 * Invariants
 * - What the other end can make us keep is at most one frame; what it sends beyond a stream's window is astray.
 * - A stream that was reset is answered with silence: what was under way to it is no fault.
 */
import { type Frame, FRAME_BYTES_LIMIT, FRAME_TYPES, FrameReader, frame, HELLO_BYTES, MAGIC } from "./mux-frames.ts";

/** Of each stream, each way: sent, and not yet taken by who it is for. */
export const WINDOW_BYTES = 262_144;

/** Far more than commands and connections of one app; helper/channel.c has places for as many. */
const STREAMS_LIMIT = 200;

/** Whatever stands before the first HELLO. */
const NOISE_BYTES_LIMIT = 1024 * 1024;

const VERSION = 1;

/** A piece, so that streams take turns. */
const PIECE_BYTES = 16_384;

export type MuxEvent =
  | { readonly kind: "linked" }
  | { readonly kind: "opened"; readonly id: number; readonly label: Buffer }
  /** The stream is taken up, or can take more. */
  | { readonly kind: "room"; readonly id: number }
  | { readonly kind: "data"; readonly id: number; readonly bytes: Buffer }
  | { readonly kind: "end"; readonly id: number }
  | { readonly kind: "reset"; readonly id: number; readonly because: string }
  | { readonly kind: "astray"; readonly because: string };

interface Stream {
  readonly mine: boolean;
  accepted: boolean;
  /** Bytes that we may send, that it may send, and that were taken without having been given leave for again. */
  maySend: number;
  maySay: number;
  taken: number;
  weEnded: boolean;
  itEnded: boolean;
}

class Astray extends Error {}

export class Mux {
  readonly #send: (frame: Buffer) => void;
  readonly #epoch: Buffer;
  readonly #streams = new Map<number, Stream>();
  readonly #reader = new FrameReader();
  #theirs: Buffer = Buffer.alloc(8);
  #linked = false;
  #next: number;

  /** @param epoch - eight bytes that no earlier end of this channel has had; the machine's host opens odd streams */
  constructor(side: "host" | "guest", epoch: Buffer, send: (frame: Buffer) => void) {
    this.#send = send;
    this.#epoch = epoch;
    this.#next = side === "host" ? 1 : 2;
  }

  get linked(): boolean {
    return this.#linked;
  }

  greet(): void {
    const words = Buffer.concat([MAGIC, this.#epoch, this.#theirs, Buffer.from([VERSION])]);
    this.#send(frame(FRAME_TYPES.hello, 0, words));
  }

  receive(bytes: Buffer): readonly MuxEvent[] {
    const events: MuxEvent[] = [];
    try {
      const frames = this.#reader.read(bytes);
      if (frames === undefined) throw new Astray("a frame that is none");
      if (this.#reader.passed > NOISE_BYTES_LIMIT) throw new Astray("no greeting");
      for (const one of frames) this.#take(one, events);
    } catch (error) {
      if (!(error instanceof Astray)) throw error;
      events.push({ kind: "astray", because: error.message });
    }
    return events;
  }

  /** @returns the stream's number; undefined where there are too many, or nobody to open one with */
  open(label: Uint8Array): number | undefined {
    if (!this.#linked || this.#streams.size >= STREAMS_LIMIT || label.length > FRAME_BYTES_LIMIT) return undefined;
    const id = this.#next;
    this.#next += 2;
    this.#streams.set(id, newStream(true));
    this.#send(frame(FRAME_TYPES.open, id, label));
    return id;
  }

  /** Takes up a stream that the other end has opened. */
  accept(id: number): void {
    const stream = this.#streams.get(id);
    if (stream === undefined || stream.accepted) return;
    Object.assign(stream, { accepted: true, maySend: WINDOW_BYTES });
    this.#send(frame(FRAME_TYPES.credit, id, numberBytes(WINDOW_BYTES)));
  }

  /** @returns how many of the bytes went; for the rest, `room` is to be waited for */
  write(id: number, bytes: Buffer): number {
    const stream = this.#streams.get(id);
    if (stream === undefined || stream.weEnded) return bytes.length;
    const goes = Math.min(bytes.length, stream.maySend);
    for (let at = 0; at < goes; at += PIECE_BYTES)
      this.#send(frame(FRAME_TYPES.data, id, bytes.subarray(at, Math.min(goes, at + PIECE_BYTES))));
    stream.maySend -= goes;
    return goes;
  }

  end(id: number): void {
    const stream = this.#streams.get(id);
    if (stream === undefined || stream.weEnded) return;
    stream.weEnded = true;
    this.#send(frame(FRAME_TYPES.end, id));
    this.#settle(id, stream);
  }

  reset(id: number, because = ""): void {
    if (this.#streams.delete(id)) this.#send(frame(FRAME_TYPES.reset, id, Buffer.from(because)));
  }

  /** So many bytes of a stream have reached who they are for. */
  taken(id: number, bytes: number): void {
    const stream = this.#streams.get(id);
    if (stream === undefined || stream.itEnded) return;
    stream.taken += bytes;
    if (stream.taken < WINDOW_BYTES / 4) return;
    stream.maySay += stream.taken;
    this.#send(frame(FRAME_TYPES.credit, id, numberBytes(stream.taken)));
    stream.taken = 0;
  }

  #settle(id: number, { weEnded, itEnded }: Stream): void {
    if (weEnded && itEnded) this.#streams.delete(id);
  }

  #take({ type, stream: id, payload }: Frame, events: MuxEvent[]): void {
    if (type === FRAME_TYPES.hello) return this.#hello(payload, events);
    if (!this.#linked) return;
    const stream = this.#streams.get(id);
    if (type === FRAME_TYPES.open) return this.#opened(id, payload, events);
    if (stream === undefined) {
      // Of one that is over: what crossed its end on the way.
      if (id % 2 === this.#next % 2 ? id >= this.#next : id > this.#theirLast)
        throw new Astray("a stream that is none");
      return;
    }
    switch (type) {
      case FRAME_TYPES.data:
        if (!stream.accepted || stream.itEnded || payload.length > stream.maySay)
          throw new Astray("more than it may say");
        stream.maySay -= payload.length;
        events.push({ kind: "data", id, bytes: payload });
        return;
      case FRAME_TYPES.end:
        if (!stream.accepted || stream.itEnded) throw new Astray("an end too many");
        stream.itEnded = true;
        events.push({ kind: "end", id });
        return this.#settle(id, stream);
      case FRAME_TYPES.reset:
        this.#streams.delete(id);
        events.push({ kind: "reset", id, because: reasonOf(payload) });
        return;
      default:
        return this.#credit(id, stream, payload, events);
    }
  }

  #credit(id: number, stream: Stream, payload: Buffer, events: MuxEvent[]): void {
    const more = payload.length === 4 ? payload.readUInt32BE() : 0;
    if (more === 0 || stream.maySend + more > WINDOW_BYTES) throw new Astray("leave for more than a window");
    stream.maySend += more;
    stream.accepted = true;
    events.push({ kind: "room", id });
  }

  #theirLast = 0;

  #opened(id: number, label: Buffer, events: MuxEvent[]): void {
    if (id % 2 === this.#next % 2 || id <= this.#theirLast) throw new Astray("a stream of ours");
    this.#theirLast = id;
    this.#streams.set(id, newStream(false));
    if (this.#streams.size > STREAMS_LIMIT) this.reset(id, "too many streams");
    else events.push({ kind: "opened", id, label });
  }

  #hello(words: Buffer, events: MuxEvent[]): void {
    if (words.length !== HELLO_BYTES || !words.subarray(0, 8).equals(MAGIC) || words.readUInt8(24) !== VERSION)
      throw new Astray("a greeting that is none");
    const [theirs, echo] = [Buffer.from(words.subarray(8, 16)), words.subarray(16, 24)];
    const isNew = !theirs.equals(this.#theirs);
    const knowsUs = echo.equals(this.#epoch);
    if (isNew) {
      for (const id of this.#streams.keys()) events.push({ kind: "reset", id, because: "the other end began anew" });
      this.#streams.clear();
      this.#theirs = theirs;
      this.#theirLast = 0;
      this.#linked = false;
    }
    if (isNew || !knowsUs) this.greet();
    if (knowsUs && !this.#linked) events.push({ kind: "linked" });
    this.#linked = knowsUs;
  }
}

/** Of a reason that the other end gives. */
const REASON_BYTES_LIMIT = 200;

function reasonOf(payload: Buffer): string {
  return payload
    .subarray(0, REASON_BYTES_LIMIT)
    .toString("latin1")
    .replaceAll(/[^\x20-\x7e]/g, "?");
}

function newStream(mine: boolean): Stream {
  // Who opens gives leave for a window by that; it waits for leave itself.
  return { mine, accepted: false, maySend: 0, maySay: WINDOW_BYTES, taken: 0, weEnded: false, itEnded: false };
}

function numberBytes(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
