/**
 * Audit files: which there are, and what stands in them. Only reads; audit-log.ts writes.
 *
 * `NNNNNNNN.jsonl`, counted up; the highest is the newest. A reader never locks: at worst it sees an unfinished last
 * line, which is told apart by the missing newline.
 */
import { lstatSync, readdirSync, readFileSync, watch } from "node:fs";
import { join } from "node:path";
import { type Result } from "../result.ts";
import { type AuditHead, type AuditRecord, headOf, parseRecord } from "./record.ts";
import { type AuditBroken, type AuditLine, type AuditVerified, verifyChain } from "./verify.ts";

/** What we write is far smaller (audit-log.ts); a larger file is not ours and is not read. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;

const FILE_PATTERN = /^[0-9]{8}\.jsonl$/;

/** Which records a reader wants; what is undefined does not narrow. */
export interface AuditFilter {
  readonly instance?: string | undefined;
  readonly kinds?: readonly string[] | undefined;
  /** Records of this moment or later. */
  readonly since?: Date | undefined;
}

/** Names of the files, oldest first; empty where there is no folder yet. */
export function auditFiles(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => FILE_PATTERN.test(name))
      .toSorted();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Every line of every file, in order. Lazy: one file is in memory at a time. */
export function* auditLines(folder: string): Generator<AuditLine> {
  const names = auditFiles(folder);
  for (const name of names) yield* linesOf(folder, name, name === names.at(-1));
}

/** Verifies all that is there. */
export function verifyAudit(folder: string, expectedHead?: AuditHead): Result<AuditVerified, AuditBroken> {
  return verifyChain(auditLines(folder), expectedHead);
}

/** The last record that is whole, as a head to export; undefined where there is none. */
export function auditHead(folder: string): AuditHead | undefined {
  for (const name of auditFiles(folder).toReversed()) {
    for (const line of [...linesOf(folder, name, true)].toReversed()) {
      const record = recordOf(line);
      if (record !== undefined) return headOf(record);
    }
  }
  return undefined;
}

/**
 * The records that pass a filter, oldest first. What is no record is passed over: `verifyAudit` is there to name it.
 */
export function* readAudit(folder: string, filter: AuditFilter = {}): Generator<AuditRecord> {
  for (const line of auditLines(folder)) {
    const record = recordOf(line);
    if (record !== undefined && passes(record, filter)) yield record;
  }
}

/**
 * The same, and then every new record as it is written, until the signal.
 *
 * @param signal - ends the walk, without a fault
 */
export async function* followAudit(
  folder: string,
  filter: AuditFilter,
  signal: AbortSignal,
): AsyncGenerator<AuditRecord> {
  let wake = () => {};
  const ring = () => wake();
  let seen = 0;
  let changed = true;
  // Watched before the first reading, or what is written in between would wait for the next record. The watcher throws
  // where the folder is not there: whoever follows makes it first.
  const watcher = watch(folder, () => {
    changed = true;
    ring();
  });
  let failure: Error | undefined;
  watcher.on("error", (error) => {
    failure = error;
    ring();
  });
  signal.addEventListener("abort", ring);
  try {
    let from: string | undefined;
    while (!signal.aborted) {
      changed = false;
      for (const name of auditFiles(folder)) {
        if (from !== undefined && name < from) continue;
        from = name;
        for (const line of linesOf(folder, name, true)) {
          const record = recordOf(line);
          if (record === undefined || record.seq <= seen) continue;
          seen = record.seq;
          if (signal.aborted) return;
          if (passes(record, filter)) yield record;
        }
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (changed || signal.aborted) resolve();
      });
      if (failure !== undefined) throw failure;
    }
  } finally {
    signal.removeEventListener("abort", ring);
    watcher.close();
  }
}

/** Lines of one file. Each is decoded by itself, so that one bad byte costs one line. */
function* linesOf(folder: string, file: string, newest: boolean): Generator<AuditLine> {
  const bytes = readWhole(join(folder, file));
  if (typeof bytes === "string") {
    yield { file, line: 1, content: { because: bytes }, torn: false };
    return;
  }
  let line = 1;
  for (let start = 0; start < bytes.length; line++) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline === -1 ? bytes.length : newline;
    const unfinished = newline === -1;
    const content =
      unfinished && !newest ? { because: "it does not end with a newline" } : decode(bytes.subarray(start, end));
    yield { file, line, content, torn: unfinished && newest };
    start = end + 1;
  }
}

/** A file's bytes, or why there are none. What retention removed meanwhile is empty. */
function readWhole(path: string): Buffer | string {
  try {
    return readAuditFile(path);
  } catch (error) {
    if (isMissing(error)) return Buffer.alloc(0);
    return error instanceof Error ? error.message : String(error);
  }
}

/** Reads one file, if it is one: a device or a pipe in its place could be endless. */
export function readAuditFile(path: string): Buffer {
  const stat = lstatSync(path);
  if (!stat.isFile()) throw new Error(`${path} is not a regular file`);
  if (stat.size > MAX_FILE_BYTES) throw new Error(`${path} is larger than ${MAX_FILE_BYTES} bytes`);
  return readFileSync(path);
}

function decode(bytes: Uint8Array): AuditLine["content"] {
  try {
    return { text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { because: "it is not UTF-8" };
  }
}

function recordOf(line: AuditLine): AuditRecord | undefined {
  if (line.torn || !("text" in line.content)) return undefined;
  const parsed = parseRecord(line.content.text);
  return parsed.ok ? parsed.value : undefined;
}

function passes(record: AuditRecord, filter: AuditFilter): boolean {
  if (filter.instance !== undefined && record.instance !== filter.instance) return false;
  if (filter.kinds !== undefined && !filter.kinds.includes(record.kind)) return false;
  return filter.since === undefined || record.time >= filter.since.toISOString();
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
