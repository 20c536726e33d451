/**
 * Screen globals: which interfaces a Wayland compositor offers to who connects to its socket.
 *
 * Two requests are sent (wl_display.get_registry and wl_display.sync), and what comes until the second is answered is read.
 * Source: the Wayland protocol, wire format. No descriptor is passed in any of these messages.
 *
 * Invariant: a socket at which somebody else listens is no harm: what it says is bounded in time and bytes, and where it is
 * not what a compositor says, there is no answer.
 */
import { connect } from "node:net";

const TIME_LIMIT_MS = 5_000;

/** Compositors have some sixty interfaces, each with a name of some thirty bytes. */
const BYTES_LIMIT = 64 * 1024;

const HEADER_BYTES = 8;

const DISPLAY = 1;
const REGISTRY = 2;
const CALLBACK = 3;

/** Of the display: `sync` makes the callback, `get_registry` the registry. */
const SYNC = 0;
const GET_REGISTRY = 1;

/** Names of protocols, as they stand in their definitions. */
const INTERFACE_PATTERN = /^[a-z][a-z0-9_]{0,99}$/;

/** What has come so far: `more` has to come, `wrong` is nothing that a compositor says. */
type Heard = { readonly kind: "all"; readonly interfaces: readonly string[] } | { readonly kind: "more" | "wrong" };

/** @returns undefined where no compositor answers there */
export async function screenGlobals(socketPath: string): Promise<ReadonlySet<string> | undefined> {
  const socket = connect(socketPath);
  let heard = Buffer.alloc(0);
  return await new Promise((resolve) => {
    const end = (found: ReadonlySet<string> | undefined) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(found);
    };
    const timer = setTimeout(() => end(undefined), TIME_LIMIT_MS);
    socket.on("error", () => end(undefined)).on("close", () => end(undefined));
    socket.on("connect", () => socket.write(Buffer.concat([request(GET_REGISTRY, REGISTRY), request(SYNC, CALLBACK)])));
    socket.on("data", (piece) => {
      heard = Buffer.concat([heard, piece]);
      const read = readGlobals(heard);
      if (read.kind === "all") end(new Set(read.interfaces));
      else if (read.kind === "wrong" || heard.length > BYTES_LIMIT) end(undefined);
    });
  });
}

function request(opcode: number, object: number): Buffer {
  return words(DISPLAY, (12 << 16) | opcode, object);
}

/** In the byte order of this machine, which is little on all that Skerry runs on. */
function words(...values: readonly number[]): Buffer {
  const out = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) out.writeUInt32LE(value, index * 4);
  return out;
}

/** Events up to the answer of `sync`. */
export function readGlobals(bytes: Buffer): Heard {
  const interfaces: string[] = [];
  let at = 0;
  while (bytes.length - at >= HEADER_BYTES) {
    const object = bytes.readUInt32LE(at);
    const opcode = bytes.readUInt16LE(at + 4);
    const length = bytes.readUInt16LE(at + 6);
    if (length < HEADER_BYTES || length % 4 !== 0) return { kind: "wrong" };
    if (bytes.length - at < length) return { kind: "more" };
    const body = bytes.subarray(at + HEADER_BYTES, at + length);
    at += length;
    if (object === CALLBACK && opcode === 0) return { kind: "all", interfaces };
    if (object === REGISTRY && opcode === 0) {
      const name = interfaceIn(body);
      if (name === undefined) return { kind: "wrong" };
      interfaces.push(name);
    } else if (object !== REGISTRY && !(object === DISPLAY && opcode === 1)) return { kind: "wrong" };
  }
  return { kind: "more" };
}

/** wl_registry.global: a number, a string with its length and a zero at its end, padded to four bytes, and a version. */
function interfaceIn(body: Buffer): string | undefined {
  if (body.length < 12) return undefined;
  const length = body.readUInt32LE(4);
  if (length === 0 || body.length !== 12 + Math.ceil(length / 4) * 4) return undefined;
  const text = body.toString("latin1", 8, 8 + length - 1);
  return body[8 + length - 1] === 0 && INTERFACE_PATTERN.test(text) ? text : undefined;
}
