/**
 * Retention: which files of an audit are too old. Only reads; audit-log.ts removes, and says so in a record before.
 *
 * Whole files go, never single records: the chain's beginning moves, and nothing in it changes.
 */
import { join } from "node:path";
import { readAuditFile } from "./audit-files.ts";
import { type AuditRecord, parseRecord } from "./record.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/** How much older than its limit a record may become, since it goes with its file: an eighth, and at least a day. */
export function fileSpanMs(keepMs: number): number {
  return Math.max(DAY_MS, keepMs / 8);
}

/** When the first record of a file was written; undefined where that cannot be read. */
export function beginOf(folder: string, name: string): number | undefined {
  const bytes = readAuditFile(join(folder, name));
  const newline = bytes.indexOf(0x0a);
  return newline === -1 ? undefined : timeOf(bytes.toString("utf8", 0, newline));
}

/**
 * How many of the oldest files hold nothing that is still to be kept.
 *
 * @param names - all files, the oldest first; the newest always stays
 */
export function tooOld(folder: string, names: readonly string[], keepMs: number, now: number): number {
  let count = 0;
  // A file has ended when the next one began.
  for (const next of names.slice(1)) {
    const ended = beginOf(folder, next);
    if (ended === undefined || now - ended <= keepMs) break;
    count++;
  }
  return count;
}

function timeOf(line: string): number | undefined {
  const parsed = parseRecord(line);
  return parsed.ok ? Date.parse((parsed.value satisfies AuditRecord).time) : undefined;
}
