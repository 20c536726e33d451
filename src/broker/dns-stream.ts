/**
 * DNS stream: cuts what comes over TCP into messages, each with its length before it (RFC 1035, 4.2.2; RFC 7766).
 *
 * Invariant: at most one message and its length are kept; a length that no query has ends the stream.
 */
import { MAX_QUERY_BYTES } from "./dns-message.ts";

export class DnsStreamReader {
  #kept: Buffer = Buffer.alloc(0);
  #broken = false;

  /** @returns the messages that are whole now; undefined once the stream is to be closed */
  push(bytes: Uint8Array): readonly Uint8Array[] | undefined {
    if (this.#broken) return undefined;
    const out: Uint8Array[] = [];
    let rest = Buffer.concat([this.#kept, bytes]);
    while (rest.length >= 2) {
      const length = rest.readUInt16BE(0);
      if (length === 0 || length > MAX_QUERY_BYTES) {
        this.#broken = true;
        this.#kept = Buffer.alloc(0);
        return undefined;
      }
      if (rest.length < 2 + length) break;
      out.push(rest.subarray(2, 2 + length));
      rest = rest.subarray(2 + length);
    }
    // A copy: what was cut off must not keep a large piece in memory.
    this.#kept = Buffer.from(rest);
    return out;
  }
}

/** A message as it goes over TCP. */
export function framed(message: Uint8Array): Uint8Array {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}
