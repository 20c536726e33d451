/**
 * Recover: finds the end of the chain when a log is opened, and moves aside what is no record behind it.
 *
 * Looks only at the end. Whether the chain before it holds is verify.ts's question, and is not answered at each start.
 * Whoever calls this holds the writer's claim.
 */
import { createHash } from "node:crypto";
import { closeSync, fsyncSync, ftruncateSync, openSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { auditFiles, readAuditFile } from "./audit-files.ts";
import type { AuditEvent } from "./event.ts";
import { type AuditHead, type AuditRecord, type ChainEnd, headOf, parseRecord } from "./record.ts";

/** Beyond it a `.torn` file takes no more; the digest is still recorded. */
const MAX_TORN_FILE_BYTES = 8 * 1024 * 1024;

export interface FoundEnd {
  readonly head: AuditHead | undefined;
  /** Name of the newest file; undefined where there is none. */
  readonly name: string | undefined;
  /** Bytes of the newest file that are kept. */
  readonly size: number;
  /** What was moved aside, as records yet to be written. */
  readonly torn: readonly Extract<AuditEvent, { kind: "torn" }>[];
}

/** The last whole record of the newest file that has one; all files behind it are empty afterwards. */
export function findEnd(folder: string): FoundEnd {
  const torn: Extract<AuditEvent, { kind: "torn" }>[] = [];
  const names = auditFiles(folder);
  let head: AuditHead | undefined;
  let size = 0;
  for (const name of names.toReversed()) {
    const bytes = readAuditFile(join(folder, name));
    const end = lastRecord(bytes);
    if (end.size < bytes.length) torn.push(moveAside(folder, name, bytes.subarray(end.size), end.size));
    if (name === names.at(-1)) size = end.size;
    if (end.record === undefined) continue;
    head = headOf(end.record);
    break;
  }
  return { head, name: names.at(-1), size, torn };
}

/** The end of the chain before the first record of a file; undefined where that cannot be read. */
export function firstPredecessor(folder: string, name: string): ChainEnd | undefined {
  const bytes = readAuditFile(join(folder, name));
  const newline = bytes.indexOf(0x0a);
  const parsed = newline === -1 ? undefined : parseRecord(bytes.toString("utf8", 0, newline));
  return parsed?.ok === true ? { seq: parsed.value.seq - 1, hash: parsed.value.previous } : undefined;
}

/** Searches backwards, line by line. A line without a newline is none: its append was never answered. */
function lastRecord(bytes: Buffer): { readonly record: AuditRecord | undefined; readonly size: number } {
  let end = bytes.lastIndexOf(0x0a);
  while (end !== -1) {
    const start = end === 0 ? 0 : bytes.lastIndexOf(0x0a, end - 1) + 1;
    const parsed = parseRecord(bytes.toString("utf8", start, end));
    if (parsed.ok) return { record: parsed.value, size: end + 1 };
    end = start - 1;
  }
  return { record: undefined, size: 0 };
}

/** Copies first and cuts then: a crash in between leaves a copy too many, never one too few. */
function moveAside(folder: string, name: string, bytes: Buffer, keep: number): Extract<AuditEvent, { kind: "torn" }> {
  const movedTo = name.replace(".jsonl", ".torn");
  const room = MAX_TORN_FILE_BYTES - (statSync(join(folder, movedTo), { throwIfNoEntry: false })?.size ?? 0);
  const fits = bytes.length < room;
  if (fits) change(join(folder, movedTo), "a", (file) => writeAll(file, Buffer.concat([bytes, Buffer.from("\n")])));
  change(join(folder, name), "r+", (file) => ftruncateSync(file, keep));
  const digest = createHash("sha256").update(bytes).digest("hex");
  return { kind: "torn", file: name, bytes: bytes.length, digest, movedTo: fits ? movedTo : undefined };
}

function change(path: string, flags: "a" | "r+", act: (file: number) => void): void {
  const file = openSync(path, flags, 0o600);
  try {
    act(file);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function writeAll(file: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
}
