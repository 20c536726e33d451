/**
 * DNS message: reads what an app asks, and writes what it is answered (RFC 1035, 6891).
 *
 * Only what stub resolvers send is read: one question, and at most one record, which says how much the asker can take.
 * The rest of the protocol, name compression above all, is refused before it is interpreted.
 *
 * Invariants
 * - A query has at most {@link MAX_QUERY_BYTES}; nothing in it refers to another place in it, so reading is one pass.
 * - A name that is not made of letters, digits, dashes and underscores is shown escaped and can match nothing.
 * - An answer is never longer than the asker said it can take, nor than {@link MAX_ANSWER_BYTES}.
 */
import { type IpAddress, parseIp } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";

export const MAX_QUERY_BYTES = 1024;
export const MAX_ANSWER_BYTES = 1232;
const PLAIN_ANSWER_BYTES = 512;
const HEADER_BYTES = 12;
const MAX_NAME_BYTES = 255;
const OPT = 41;

export const DNS_TYPES = { A: 1, AAAA: 28 } as const;
const CLASS_IN = 1;

/** What is said in place of addresses. */
export const DNS_CODES = { ok: 0, malformed: 1, failed: 2, noSuchName: 3, notImplemented: 4, refused: 5 } as const;

export interface DnsQuery {
  readonly id: number;
  /** Lower case, no dot at the end; undefined where it is no name that anything could be granted for, or is the root. */
  readonly name: string | undefined;
  /** The name for people, with everything unusual as `\ddd`. */
  readonly shown: string;
  /** 1 for A, 28 for AAAA. */
  readonly type: number;
  /** Bytes that the asker can take over UDP. */
  readonly roomBytes: number;
  /** Undefined where the asker did not speak of extensions, and so is not to be answered with them. */
  readonly extended: boolean;
  readonly recursionDesired: boolean;
  /** The question as it was asked: letters keep their case, since askers compare it. */
  readonly question: Uint8Array;
}

export interface DnsFault {
  readonly kind: "dns-query";
  readonly because: string;
  /** What to answer; undefined for what must not be answered, since it is no query. */
  readonly answer: Uint8Array | undefined;
}

export function readQuery(bytes: Uint8Array): Result<DnsQuery, DnsFault> {
  const message = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (message.length < HEADER_BYTES)
    return refusal({ kind: "dns-query", because: "shorter than a header", answer: undefined });
  const flags = message.readUInt16BE(2);
  // Answering an answer could go on for ever.
  if ((flags & 0x8000) !== 0)
    return refusal({ kind: "dns-query", because: "an answer and no query", answer: undefined });
  const fault = (because: string, code: number = DNS_CODES.malformed) =>
    refusal<DnsFault>({ kind: "dns-query", because, answer: bareAnswer(message, code) });
  if (message.length > MAX_QUERY_BYTES) return fault(`longer than ${MAX_QUERY_BYTES} bytes`);
  if (((flags >> 11) & 0xf) !== 0) return fault("another operation than a query", DNS_CODES.notImplemented);
  if ((flags & 0x0200) !== 0) return fault("cut off");
  const counts = [4, 6, 8, 10].map((at) => message.readUInt16BE(at));
  const [questions = 0, answers = 0, authorities = 0, additions = 0] = counts;
  if (questions !== 1 || answers !== 0 || authorities !== 0 || additions > 1)
    return fault("another number of records than a query has");
  const labels = readLabels(message, HEADER_BYTES);
  if (typeof labels === "string") return fault(labels);
  const end = labels.end + 4;
  if (end > message.length) return fault("a question that is cut off");
  const type = message.readUInt16BE(labels.end);
  const asked = message.readUInt16BE(labels.end + 2);
  const rest = message.subarray(end);
  const room = additions === 0 ? PLAIN_ANSWER_BYTES : readOpt(rest);
  if (typeof room === "string") return fault(room);
  if (additions === 0 && rest.length > 0) return fault("bytes behind its end");
  if (asked !== CLASS_IN) return fault("another class than the internet's", DNS_CODES.refused);
  return success({
    id: message.readUInt16BE(0),
    ...nameOf(labels.labels),
    type,
    roomBytes: Math.min(Math.max(room, PLAIN_ANSWER_BYTES), MAX_ANSWER_BYTES),
    extended: additions === 1,
    recursionDesired: (flags & 0x0100) !== 0,
    question: message.subarray(HEADER_BYTES, end),
  });
}

interface Labels {
  readonly labels: readonly Buffer[];
  readonly end: number;
}

function readLabels(message: Buffer, start: number): Labels | string {
  const labels: Buffer[] = [];
  let at = start;
  for (;;) {
    const length = message[at];
    if (length === undefined) return "a name that is cut off";
    // 0xc0 points elsewhere, 0x40 and 0x80 were never given a meaning that lasted.
    if (length > 63) return "a name that refers to another place";
    at += 1;
    if (length === 0) break;
    if (at + length > message.length) return "a name that is cut off";
    labels.push(message.subarray(at, at + length));
    at += length;
    if (at - start > MAX_NAME_BYTES - 1) return "a name that is too long";
  }
  return { labels, end: at };
}

/** The one record behind the question, which is the asker's own (RFC 6891). @returns the bytes that it can take */
function readOpt(record: Buffer): number | string {
  if (record.length < 11 || record[0] !== 0 || record.readUInt16BE(1) !== OPT) return "a record that no query has";
  if (record.length !== 11 + record.readUInt16BE(9)) return "bytes behind its end";
  return record.readUInt16BE(3);
}

function nameOf(labels: readonly Buffer[]): Pick<DnsQuery, "name" | "shown"> {
  const texts = labels.map((label) => label.toString("latin1"));
  const plain = texts.length > 0 && texts.every((text) => /^[A-Za-z0-9_-]+$/.test(text));
  return {
    name: plain ? texts.join(".").toLowerCase() : undefined,
    shown: texts.length === 0 ? "." : texts.map(shownLabel).join("."),
  };
}

/** As zone files write it (RFC 1035, 5.1). */
function shownLabel(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9_-]/g, (char) => `\\${String(char.charCodeAt(0)).padStart(3, "0")}`);
}

/**
 * Answers a query with addresses; those of another kind than was asked for are left out.
 *
 * With none left the name exists and has nothing of that kind.
 *
 * @param addresses - texts of IPv4 and IPv6 addresses
 * @param seconds - how long the asker may remember it
 */
export function writeAnswer(query: DnsQuery, addresses: readonly string[], seconds: number): Uint8Array {
  const family = query.type === DNS_TYPES.A ? 4 : query.type === DNS_TYPES.AAAA ? 6 : undefined;
  const records = addresses
    .map(parseIp)
    .filter((ip) => ip !== undefined)
    .filter((ip) => ip.family === family)
    .map((ip) => addressRecord(ip, seconds));
  const room = query.roomBytes - HEADER_BYTES - query.question.length - (query.extended ? OPT_RECORD.length : 0);
  const size = records[0]?.length ?? 1;
  const kept = records.slice(0, Math.max(0, Math.floor(room / size)));
  return message(query, DNS_CODES.ok, kept, kept.length < records.length);
}

/** Answers a query with a code and no records. */
export function writeCode(query: DnsQuery, code: number): Uint8Array {
  return message(query, code, [], false);
}

const OPT_RECORD = Buffer.from([0, 0, OPT, MAX_ANSWER_BYTES >> 8, MAX_ANSWER_BYTES & 0xff, 0, 0, 0, 0, 0, 0]);

function message(query: DnsQuery, code: number, records: readonly Buffer[], cut: boolean): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(query.id, 0);
  // An answer; recursion is there, and was wanted where the asker said so.
  header.writeUInt16BE(0x8080 | (cut ? 0x0200 : 0) | (query.recursionDesired ? 0x0100 : 0) | code, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(records.length, 6);
  header.writeUInt16BE(query.extended ? 1 : 0, 10);
  return Buffer.concat([header, query.question, ...records, ...(query.extended ? [OPT_RECORD] : [])]);
}

function addressRecord({ family, bits }: IpAddress, seconds: number): Buffer {
  const size = family === 4 ? 4 : 16;
  const record = Buffer.alloc(12 + size);
  // The name is that of the question, which stands behind the header.
  record.writeUInt16BE(0xc000 | HEADER_BYTES, 0);
  record.writeUInt16BE(family === 4 ? DNS_TYPES.A : DNS_TYPES.AAAA, 2);
  record.writeUInt16BE(CLASS_IN, 4);
  record.writeUInt32BE(seconds, 6);
  record.writeUInt16BE(size, 10);
  record.write(bits.toString(16).padStart(2 * size, "0"), 12, "hex");
  return record;
}

/** For what could not be read: the identification, the code, and nothing of what was sent. */
function bareAnswer(query: Buffer, code: number): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(0x8080 | (query.readUInt16BE(2) & 0x7900) | code, 2);
  return header;
}
