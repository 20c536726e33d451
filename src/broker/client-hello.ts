/**
 * ClientHello: which name a TLS connection asks for, read from its first bytes and from nothing else (RFC 8446, 6066).
 *
 * The bytes come from an app that may send anything, in pieces as small as it likes. Nothing is decrypted or changed:
 * whoever relays keeps the bytes, and passes them on once the answer is there.
 *
 * Invariants
 * - At most {@link MAX_HELLO_BYTES} are kept, in at most {@link MAX_RECORDS} records; what is longer is refused.
 * - One answer: after it, further bytes change nothing.
 * - A name comes out only from a ClientHello that is well-formed to its end, with exactly one name in it, in the form in
 *   which names are compared: lower case, letters, digits, dashes, underscores and dots.
 */
import { unreachable } from "../result.ts";

export type Hello =
  /** Not enough yet. */
  | { readonly kind: "more" }
  | { readonly kind: "name"; readonly name: string }
  /** TLS that asks for no name. */
  | { readonly kind: "no-name" }
  /** The name that counts is encrypted (ECH), or may be: the readable one says nothing. */
  | { readonly kind: "encrypted" }
  /** It does not begin as TLS does. */
  | { readonly kind: "not-tls" }
  /** It begins as TLS does, and then breaks the rules or the limits. */
  | { readonly kind: "malformed"; readonly because: string };

/** Real ones have up to some 2 KiB, with post-quantum keys. */
export const MAX_HELLO_BYTES = 16_384;
export const MAX_RECORDS = 64;

const RECORD_HEAD = 5;
const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
/** RFC 8446, 5.1: the content of a record. */
const MAX_RECORD_BYTES = 16_384;
const SERVER_NAME = 0;
/** encrypted_client_hello (RFC 9849), its drafts, and the older encrypted_server_name. */
const ENCRYPTED: ReadonlySet<number> = new Set([0xfe08, 0xfe09, 0xfe0a, 0xfe0b, 0xfe0c, 0xfe0d, 0xffce]);

export class ClientHelloReader {
  #raw: Buffer = Buffer.alloc(0);
  #message: Buffer = Buffer.alloc(0);
  #records = 0;
  #answer: Hello = { kind: "more" };

  /** Takes the next bytes of the connection, and says what is known with them. */
  push(bytes: Uint8Array): Hello {
    if (this.#answer.kind !== "more") return this.#answer;
    const room = MAX_HELLO_BYTES + RECORD_HEAD * MAX_RECORDS - this.#message.length;
    this.#raw = Buffer.concat([this.#raw, bytes.subarray(0, Math.max(0, room - this.#raw.length + 1))]);
    this.#answer = this.#read();
    return this.#answer;
  }

  #read(): Hello {
    for (;;) {
      const head = this.#raw;
      // Said as soon as it can be, so that it does not hang on where the bytes were cut.
      if (head.length > 0 && head[0] !== HANDSHAKE)
        return this.#records === 0 ? { kind: "not-tls" } : bad("a record of another kind");
      if (head.length > 1 && head[1] !== 3)
        return this.#records === 0 ? { kind: "not-tls" } : bad("a record of another version");
      if (head.length < RECORD_HEAD) return { kind: "more" };
      const length = head.readUInt16BE(3);
      if (length === 0 || length > MAX_RECORD_BYTES) return bad("a record that is empty or too long");
      const content = head.subarray(RECORD_HEAD, RECORD_HEAD + length);
      const wanted = wantedBytes(Buffer.concat([this.#message, content.subarray(0, 4)]));
      if (wanted !== undefined && typeof wanted !== "number") return wanted;
      // A message of another kind behind it would be one that a server reads and we do not.
      if (wanted !== undefined && this.#message.length + length > wanted)
        return bad("more than one message in a record");
      if (content.length < length) return { kind: "more" };
      this.#records += 1;
      if (this.#records > MAX_RECORDS) return bad("too many records");
      this.#message = Buffer.concat([this.#message, content]);
      this.#raw = head.subarray(RECORD_HEAD + length);
      const size = wantedBytes(this.#message);
      if (size === undefined) continue;
      if (typeof size !== "number") return size;
      if (this.#message.length === size) return nameIn(this.#message.subarray(4));
    }
  }
}

function bad(because: string): Hello {
  return { kind: "malformed", because };
}

/** The bytes of the whole message with its head; undefined while too few are there to say. */
function wantedBytes(message: Buffer): number | Hello | undefined {
  if (message.length > 0 && message[0] !== CLIENT_HELLO) return bad("a message that is no ClientHello");
  if (message.length < 4) return undefined;
  const size = 4 + message.readUIntBE(1, 3);
  return size > MAX_HELLO_BYTES ? bad("a ClientHello that is too long") : size;
}

/** Reads fields one behind the other. What is not there is `undefined`, and then the whole is malformed. */
class Fields {
  readonly bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get done(): boolean {
    return this.#at === this.bytes.length;
  }

  number(size: 1 | 2): number | undefined {
    const bytes = this.take(size);
    return bytes?.readUIntBE(0, size);
  }

  take(count: number): Buffer | undefined {
    if (this.#at + count > this.bytes.length) return undefined;
    this.#at += count;
    return this.bytes.subarray(this.#at - count, this.#at);
  }

  /** A field that begins with its length. */
  sized(size: 1 | 2): Buffer | undefined {
    const count = this.number(size);
    return count === undefined ? undefined : this.take(count);
  }
}

function nameIn(body: Buffer): Hello {
  const fields = new Fields(body);
  const fixed = fields.take(2 + 32);
  const session = fields.sized(1);
  const ciphers = fields.sized(2);
  const compression = fields.sized(1);
  if (fixed === undefined || session === undefined || ciphers === undefined || compression === undefined)
    return bad("a ClientHello that is cut off");
  if (session.length > 32 || ciphers.length < 2 || ciphers.length % 2 !== 0 || compression.length === 0)
    return bad("fields that no ClientHello has");
  if (fields.done) return { kind: "no-name" };
  const list = fields.sized(2);
  if (list === undefined || !fields.done) return bad("extensions that do not end with the message");
  return nameInExtensions(new Fields(list));
}

function nameInExtensions(extensions: Fields): Hello {
  const seen = new Set<number>();
  let named: Hello = { kind: "no-name" };
  while (!extensions.done) {
    const kind = extensions.number(2);
    const content = extensions.sized(2);
    if (kind === undefined || content === undefined) return bad("an extension that is cut off");
    if (seen.has(kind)) return bad("an extension that stands there twice");
    seen.add(kind);
    if (kind === SERVER_NAME) named = serverName(content);
  }
  if (named.kind === "malformed") return named;
  return [...seen].some((kind) => ENCRYPTED.has(kind)) ? { kind: "encrypted" } : named;
}

function serverName(content: Buffer): Hello {
  const outer = new Fields(content);
  const list = outer.sized(2);
  if (list === undefined || !outer.done) return bad("a list of names that does not end with its extension");
  const names = new Fields(list);
  const kind = names.number(1);
  const bytes = names.sized(2);
  if (kind !== 0 || bytes === undefined || !names.done) return bad("another number of names than one");
  const name = bytes.toString("latin1").toLowerCase();
  // RFC 6066: no dot at the end, no address. What a server might cut off or fold is not let through as another name.
  return /^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/.test(name) && name.length <= 253
    ? { kind: "name", name }
    : bad("a name with characters that no name has");
}

/** Why a connection under `tls: same-name` is not the one that was granted. */
export type NotSameName = "not-tls" | "no-name" | "other-name" | "encrypted-name" | "malformed";

/**
 * @param hello - what was read; `more` at the end of the bytes, or of the time for them, is no TLS either
 * @param name - the name that the app looked up for this connection
 * @returns undefined where it is the same name
 */
export function whyNotSameName(hello: Hello, name: string): NotSameName | undefined {
  switch (hello.kind) {
    case "name":
      return hello.name === name ? undefined : "other-name";
    case "no-name":
      return "no-name";
    case "encrypted":
      return "encrypted-name";
    case "malformed":
      return "malformed";
    case "more":
    case "not-tls":
      return "not-tls";
    default:
      return unreachable(hello);
  }
}
