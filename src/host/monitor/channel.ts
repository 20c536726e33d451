/**
 * Channel: the machine's port with a mux on it, and who uses which of its streams.
 *
 * Invariant: what waits for a reader is bounded: towards the machine by pausing who sends, towards others by the windows,
 * for a window is opened again only when what was in it has been passed on.
 */
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { Mux, type MuxEvent } from "./mux.ts";

/** Above it who sends into the machine waits. */
const QUEUE_BYTES = 1024 * 1024;

/** A machine that asks and never reads; above all that streams can have under way. */
const QUEUE_BYTES_LIMIT = 64 * 1024 * 1024;

/** Small answers weigh more with us than their bytes; also above what streams can have under way. */
const QUEUE_FRAMES_LIMIT = 20_000;

/** Who uses a stream. */
export interface Use {
  /** The machine has taken it up, or there is room again. */
  room(): void;
  /** @param passed - to be called when it has been passed on */
  data(bytes: Buffer, passed: () => void): void;
  end(): void;
  reset(because: string): void;
}

export class Channel {
  readonly #port: Socket;
  readonly #mux: Mux;
  readonly #uses = new Map<number, Use>();
  readonly #astray: (because: string) => void;
  readonly #linked: () => void;

  constructor(port: Socket, on: { readonly linked: () => void; readonly astray: (because: string) => void }) {
    this.#port = port;
    this.#astray = on.astray;
    this.#linked = on.linked;
    let frames = 0;
    this.#mux = new Mux("host", randomBytes(8), (frame) => {
      frames += 1;
      port.write(frame, () => (frames -= 1));
      if (port.writableLength > QUEUE_BYTES_LIMIT || frames > QUEUE_FRAMES_LIMIT) this.#end("it does not read");
    });
    port.on("error", () => {});
    port.on("data", (piece: Buffer) => {
      for (const event of this.#mux.receive(piece)) this.#heard(event);
    });
    port.on("drain", () => {
      for (const use of [...this.#uses.values()]) use.room();
    });
    port.on("close", () => {
      for (const use of [...this.#uses.values()]) use.reset("the machine has ended");
    });
    this.#mux.greet();
  }

  /** @returns the stream's number, by which others can speak of it; undefined where none can be opened now */
  open(label: string | Buffer, use: Use): number | undefined {
    const id = this.#mux.open(Buffer.from(label));
    if (id !== undefined) this.#uses.set(id, use);
    return id;
  }

  /** @returns how many bytes went; `room` is called when more can go */
  write(id: number, bytes: Buffer): number {
    return this.#port.writableLength > QUEUE_BYTES ? 0 : this.#mux.write(id, bytes);
  }

  end(id: number): void {
    this.#mux.end(id);
  }

  /** Whoever uses it hears nothing more of it. */
  reset(id: number): void {
    this.#uses.delete(id);
    this.#mux.reset(id);
  }

  #heard(event: MuxEvent): void {
    switch (event.kind) {
      case "linked":
        return this.#linked();
      case "astray":
        return this.#end(event.because);
      case "opened":
        // No machine of ours opens any yet.
        return this.#mux.reset(event.id, "not known");
      case "room":
        return this.#uses.get(event.id)?.room();
      case "data": {
        const { id, bytes } = event;
        return this.#uses.get(id)?.data(bytes, () => this.#mux.taken(id, bytes.length));
      }
      case "end":
        return this.#uses.get(event.id)?.end();
      case "reset": {
        const use = this.#uses.get(event.id);
        this.#uses.delete(event.id);
        return use?.reset(event.because);
      }
      default:
        // No other file than a neighbour may be imported here; the types see to the rest.
        return event satisfies never;
    }
  }

  #end(because: string): void {
    this.#port.removeAllListeners("data").destroy();
    this.#astray(because);
  }
}

/** Reads from a source as fast as a stream takes it. Of a stream with its end. */
export class Feed {
  readonly #channel: Channel;
  readonly #id: number;
  readonly #source: Readable;
  #rest: Buffer = Buffer.alloc(0);
  #ended = false;

  constructor(channel: Channel, id: number, source: Readable) {
    this.#channel = channel;
    this.#id = id;
    this.#source = source;
    source.on("data", (piece: Buffer) => {
      this.#rest = piece;
      this.room();
    });
    source.once("end", () => {
      this.#ended = true;
      this.room();
    });
  }

  room(): void {
    this.#rest = this.#rest.subarray(this.#channel.write(this.#id, this.#rest));
    if (this.#rest.length > 0) this.#source.pause();
    else if (this.#ended) this.#channel.end(this.#id);
    else this.#source.resume();
  }
}

/** Writes what a stream says to a sink. A sink that has gone is the stream's end. */
export function pour(bytes: Buffer, sink: Writable, passed: () => void): void {
  sink.write(bytes, (error) => {
    if (!error) passed();
  });
}
