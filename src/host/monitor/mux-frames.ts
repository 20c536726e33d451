/**
 * Frames: the words of the channel between a machine and its monitor (docs/decisions/0015-one-channel-into-a-machine.md).
 * A type, a stream and a length of payload. Pure; helper/channel.c is the same in C.
 *
 * Invariant: what is kept of what was read is at most one frame.
 */

export const FRAME_TYPES = { hello: 1, open: 2, data: 3, end: 4, reset: 5, credit: 6 } as const;

export interface Frame {
  readonly type: number;
  readonly stream: number;
  readonly payload: Buffer;
}

const HEADER_BYTES = 9;

/** Of one frame's payload: a label with a command and its environment fits. */
export const FRAME_BYTES_LIMIT = 65_536;

/** In a HELLO: magic, own epoch, the other's epoch as far as it is known, version. */
export const HELLO_BYTES = 25;
export const MAGIC = Buffer.from([0xf1, ...Buffer.from("skerry"), 0xf2]);

/** No other frame begins so: a reader finds its place by these bytes. */
const START = Buffer.concat([headerOf(FRAME_TYPES.hello, 0, HELLO_BYTES), MAGIC]);

export function frame(type: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  return Buffer.concat([headerOf(type, stream, payload.length), payload]);
}

export class FrameReader {
  #kept: Buffer = Buffer.alloc(0);
  #inPlace = false;
  /** Bytes that were passed over on the way to a HELLO. */
  passed = 0;

  /** @returns the whole frames that have come; undefined where it is none of ours, after which nothing more is to be read */
  read(piece: Buffer): readonly Frame[] | undefined {
    let rest = this.#kept.length === 0 ? piece : Buffer.concat([this.#kept, piece]);
    const frames: Frame[] = [];
    if (!this.#inPlace) {
      const at = rest.indexOf(START);
      const from = at === -1 ? Math.max(0, rest.length - START.length + 1) : at;
      this.passed += from;
      this.#inPlace = at !== -1;
      rest = rest.subarray(from);
    }
    while (this.#inPlace && rest.length >= HEADER_BYTES) {
      const [type, stream, length] = [rest.readUInt8(0), rest.readUInt32BE(1), rest.readUInt32BE(5)];
      if (!isFrame(type, stream, length)) return undefined;
      if (rest.length < HEADER_BYTES + length) break;
      frames.push({ type, stream, payload: rest.subarray(HEADER_BYTES, HEADER_BYTES + length) });
      rest = rest.subarray(HEADER_BYTES + length);
    }
    // A copy: what was read before is not held by the little that is left of it.
    this.#kept = Buffer.from(rest);
    return frames;
  }
}

function isFrame(type: number, stream: number, length: number): boolean {
  if (type === FRAME_TYPES.hello) return stream === 0 && length === HELLO_BYTES;
  return type > FRAME_TYPES.hello && type <= FRAME_TYPES.credit && stream !== 0 && length <= FRAME_BYTES_LIMIT;
}

function headerOf(type: number, stream: number, length: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(type, 0);
  header.writeUInt32BE(stream, 1);
  header.writeUInt32BE(length, 5);
  return header;
}
