/**
 * Audit records: an event, its place in the chain, and a hash that seals both.
 *
 * A record is one line of canonical JSON with the event's facts and `seq`, `time`, `previous` and `hash` beside them.
 * `hash` is the SHA-256 of the same line without `hash`; `previous` is the hash of the record before. This file is
 * pure: audit-log.ts writes, audit-files.ts reads.
 *
 * Invariants
 * - One record, one text: a line that differs from the canonical form in a single byte is not accepted.
 * - Bounded: no text, list or line grows beyond its limit, whatever an app's command line holds.
 * - Printable: every text is escaped before it is sealed, so a record can be shown as it is.
 */
import { createHash } from "node:crypto";
import { escapeText } from "../model/names.ts";
import { type Result, refusal, success } from "../result.ts";
import { canonicalJson, type FactValue } from "./canonical-json.ts";
import type { AuditEvent } from "./event.ts";

/** What the first record of all names as its predecessor. */
export const CHAIN_START: ChainEnd = { seq: 0, hash: "0".repeat(64) };

/** Characters kept of one text. */
const MAX_TEXT = 500;
/** Entries kept of one list. */
const MAX_LIST = 32;
/** No record that we write comes near; a longer line is not ours. */
export const MAX_LINE_BYTES = 256 * 1024;

/** Where a chain ends: the next record is `seq + 1` and names `hash`. */
export interface ChainEnd {
  readonly seq: number;
  readonly hash: string;
}

/** The end of a chain as it is exported: whoever keeps it can tell later that nothing up to it was cut off. */
export interface AuditHead extends ChainEnd {
  /** ISO time of the record, UTC. */
  readonly time: string;
}

/** A record as read. `kind` is open: a log written by a newer version can still be read and verified. */
export interface AuditRecord extends AuditHead {
  readonly kind: string;
  readonly instance: string | undefined;
  /** Everything else that the event said. */
  readonly facts: Readonly<Record<string, FactValue>>;
  readonly previous: string;
}

/** `unreadable`: not a record at all. `changed`: a record that its own hash does not fit. */
export interface NotARecord {
  readonly kind: "not-a-record";
  readonly how: "unreadable" | "changed";
  /** The sequence number it claims, where one can be read. */
  readonly seq: number | undefined;
  readonly because: string;
}

/**
 * Chains an event to the record before it.
 *
 * @param time - ISO time, UTC
 * @returns the record, and its line without the newline
 */
export function sealRecord(
  event: AuditEvent,
  before: ChainEnd,
  time: string,
): { readonly record: AuditRecord; readonly line: string } {
  const { kind, ...said } = event;
  const facts: Record<string, FactValue> = {};
  for (const [name, value] of Object.entries(said)) {
    const bounded = boundFact(name, value);
    if (bounded !== undefined) facts[name] = bounded;
  }
  const body = { ...facts, kind, seq: before.seq + 1, time, previous: before.hash };
  const hash = digestOf(canonicalJson(body));
  const line = canonicalJson({ ...body, hash });
  if (Buffer.byteLength(line) > MAX_LINE_BYTES)
    throw new Error(`audit record "${kind}" has more facts than fit a line`);
  return { record: recordFrom({ ...facts, kind, seq: before.seq + 1, time, previous: before.hash, hash }), line };
}

/**
 * Reads one line, without its newline, and checks its own hash. Its place in the chain is checked in verify.ts.
 *
 * Problems
 * - `not-a-record`: no JSON, not the fields of a record, not the canonical form, or the hash does not fit
 */
export function parseRecord(line: string): Result<AuditRecord, NotARecord> {
  const unreadable = (because: string, seq?: number) =>
    refusal({ kind: "not-a-record", how: "unreadable", seq, because } as const);
  if (Buffer.byteLength(line) > MAX_LINE_BYTES) return unreadable(`longer than ${MAX_LINE_BYTES} bytes`);
  const members = parseObject(line);
  if (members === undefined) return unreadable("no JSON object");
  const facts: Record<string, FactValue> = {};
  for (const [name, value] of Object.entries(members)) {
    if (!isFact(value)) return unreadable(`"${escapeText(name, 40)}" is no text, number, yes or no, or list of texts`);
    // Not a plain assignment: the name can be "__proto__" in a line that is not ours.
    Object.defineProperty(facts, name, { value, enumerable: true, configurable: true, writable: true });
  }
  if (!isSealed(facts)) return unreadable("a field that every record has is missing or of the wrong type");
  const { hash, ...body } = facts;
  if (digestOf(canonicalJson(body)) !== hash || canonicalJson(facts) !== line) {
    return refusal({
      kind: "not-a-record",
      how: "changed",
      seq: facts.seq,
      because: "its content does not fit its hash",
    });
  }
  return success(recordFrom(facts));
}

/** The head that a record makes. */
export function headOf(record: AuditRecord): AuditHead {
  return { seq: record.seq, hash: record.hash, time: record.time };
}

/** Reads an exported head: what `head()` gave, as JSON. */
export function parseHead(text: string): Result<AuditHead, { readonly kind: "not-a-head"; readonly because: string }> {
  const members = text.length > 1000 ? undefined : parseObject(text);
  const { seq, hash, time } = members ?? {};
  if (isSeq(seq) && isHash(hash) && isTime(time)) return success({ seq, hash, time });
  return refusal({
    kind: "not-a-head",
    because: 'expected {"seq": NUMBER, "hash": 64 HEXADECIMAL DIGITS, "time": ISO TIME}',
  });
}

interface Sealed extends Readonly<Record<string, FactValue>> {
  readonly seq: number;
  readonly time: string;
  readonly kind: string;
  readonly previous: string;
  readonly hash: string;
}

function isSealed(facts: Readonly<Record<string, FactValue>>): facts is Sealed {
  const { seq, time, kind, instance, previous, hash } = facts;
  const named = instance === undefined || typeof instance === "string";
  return isSeq(seq) && isTime(time) && typeof kind === "string" && named && isHash(previous) && isHash(hash);
}

function recordFrom(sealed: Sealed): AuditRecord {
  const { seq, time, kind, instance, previous, hash, ...facts } = sealed;
  return { seq, time, kind, instance: typeof instance === "string" ? instance : undefined, facts, previous, hash };
}

function boundFact(name: string, value: unknown): FactValue | undefined {
  if (value === undefined || typeof value === "boolean") return value;
  if (typeof value === "string") return boundText(value);
  if (typeof value === "number" && Number.isSafeInteger(value)) return value;
  if (Array.isArray(value) && value.every((entry) => typeof entry === "string")) return boundList(value);
  throw new Error(`audit fact "${name}" is not of a kind that a record can hold`);
}

function boundList(list: readonly string[]): readonly string[] {
  const kept = list.slice(0, MAX_LIST).map(boundText);
  return list.length > MAX_LIST ? [...kept, `… and ${list.length - MAX_LIST} more`] : kept;
}

/** Escapes make a text longer, so it is cut a second time; by whole characters, or half of one would be left. */
function boundText(text: string): string {
  const escaped = escapeText(text, MAX_TEXT);
  if (escaped.length <= MAX_TEXT + 1) return escaped;
  return `${Array.from(escaped).slice(0, MAX_TEXT).join("")}…`;
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    return Object.fromEntries(Object.entries(value));
  } catch {
    return undefined;
  }
}

function isFact(value: unknown): value is FactValue {
  if (Array.isArray(value)) return value.every((entry) => typeof entry === "string");
  return (
    typeof value === "string" || typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value))
  );
}

function isSeq(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 1;
}

function isHash(value: unknown): value is string {
  return typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
}

/** Just the form of Date.toISOString(): texts of that form sort by time. */
function isTime(value: unknown): value is string {
  return typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value);
}

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
