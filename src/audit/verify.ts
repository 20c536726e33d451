/**
 * Verify: is this chain of records whole?
 *
 * Pure: lines in, a verdict out. A chain alone shows changes, gaps and swaps, but not that its end was cut off or that
 * all of it was written anew: for that a head must have been exported before, and be given here.
 */
import { type Result, refusal, success } from "../result.ts";
import { type AuditHead, type AuditRecord, CHAIN_START, headOf, parseRecord } from "./record.ts";

/** One line of an audit file. */
export interface AuditLine {
  /** Name of the file, as it shall be shown. */
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** Without the newline. A problem in words where the line could not be read as text. */
  readonly content: { readonly text: string } | { readonly because: string };
  /** The last line of the newest file, and no newline behind it: a write that was not finished, or still runs. */
  readonly torn: boolean;
}

export interface AuditVerified {
  readonly records: number;
  /** First record that is here; more than 1 where older files were removed by retention. */
  readonly from: number;
  /** undefined where there are no records. */
  readonly head: AuditHead | undefined;
  /** True where the expected head was found in its place; false where none was given. */
  readonly headFound: boolean;
  /** A line at the very end that was not finished; the next start of the agent moves it aside. */
  readonly torn: { readonly file: string; readonly line: number } | undefined;
}

/** Which record, where, and what is wrong there. */
export interface AuditBroken {
  readonly kind: "audit-broken";
  readonly what: /** Not a record. */
    | "unreadable"
    /** Its hash does not fit its content. */
    | "changed"
    /** The record `seq` is nowhere. */
    | "missing"
    /** The record `seq` is there, but not in its place; or it is there twice. */
    | "misplaced"
    /** The record before this one was replaced by another that is whole in itself. */
    | "replaced"
    /** The chain begins after 1, and no record says that the older files were removed. */
    | "start-missing"
    /** The chain ends before the expected head. */
    | "cut-off"
    /** The record in the expected head's place is another one. */
    | "head-differs"
    /** The expected head lies before everything that is kept: nothing can be said about it. */
    | "head-too-old";
  readonly file: string | undefined;
  readonly line: number | undefined;
  readonly seq: number | undefined;
  readonly because: string;
}

/**
 * Goes through a chain from its first record to its last.
 *
 * @param expectedHead - a head exported earlier
 *
 * Problems
 * - `audit-broken`: the first place where the chain does not hold
 */
export function verifyChain(lines: Iterable<AuditLine>, expectedHead?: AuditHead): Result<AuditVerified, AuditBroken> {
  const all = lines[Symbol.iterator]();
  /** Where retention says that the chain was cut at its start: see trimOf(). */
  const trims = new Set<string>();
  let first: { readonly record: AuditRecord; readonly at: AuditLine } | undefined;
  let last: AuditRecord | undefined;
  let records = 0;
  let headFound = false;
  let torn: AuditVerified["torn"];

  for (let next = all.next(); next.done !== true; next = all.next()) {
    const at = next.value;
    if (at.torn) {
      torn = { file: at.file, line: at.line };
      continue;
    }
    const expectedSeq = last === undefined ? undefined : last.seq + 1;
    if (!("text" in at.content)) return broken("unreadable", at, expectedSeq, at.content.because);
    const parsed = parseRecord(at.content.text);
    if (!parsed.ok) return broken(parsed.problem.how, at, parsed.problem.seq ?? expectedSeq, parsed.problem.because);
    const record = parsed.value;
    if (last !== undefined) {
      const misfit = follows(last, record, at, all);
      if (misfit !== undefined) return misfit;
    }
    if (expectedHead !== undefined && record.seq === expectedHead.seq) {
      if (record.hash !== expectedHead.hash)
        return broken("head-differs", at, record.seq, "the exported head has another hash");
      headFound = true;
    }
    if (record.kind === "trimmed") trims.add(trimOf(record.facts["through"], record.facts["throughHash"]));
    first ??= { record, at };
    last = record;
    records++;
  }

  const start = first === undefined ? undefined : checkStart(first.record, first.at, trims);
  if (start !== undefined) return start;
  if (expectedHead !== undefined && !headFound) {
    const outside = checkHeadOutside(expectedHead, first?.record, last);
    if (outside !== undefined) return outside;
    headFound = true;
  }
  return success({
    records,
    from: first?.record.seq ?? 1,
    head: last === undefined ? undefined : headOf(last),
    headFound,
    torn,
  });
}

function trimOf(through: unknown, throughHash: unknown): string {
  return JSON.stringify([through, throughHash]);
}

function follows(last: AuditRecord, record: AuditRecord, at: AuditLine, rest: Iterator<AuditLine>) {
  const wanted = last.seq + 1;
  if (record.seq <= last.seq) return broken("misplaced", at, record.seq, `it stands behind record ${last.seq}`);
  if (record.seq > wanted) {
    const elsewhere = find(wanted, rest);
    if (elsewhere === undefined)
      return broken("missing", at, wanted, `record ${last.seq} is followed by record ${record.seq}`);
    return broken("misplaced", elsewhere, wanted, `record ${record.seq} stands in its place`);
  }
  if (record.previous !== last.hash)
    return broken("replaced", at, last.seq, `record ${record.seq} was chained to another one`);
  return undefined;
}

/** The place of a record further on: what is missing here may only have been moved. */
function find(seq: number, rest: Iterator<AuditLine>): AuditLine | undefined {
  for (let next = rest.next(); next.done !== true; next = rest.next()) {
    if (!("text" in next.value.content)) continue;
    const parsed = parseRecord(next.value.content.text);
    if (parsed.ok && parsed.value.seq === seq) return next.value;
  }
  return undefined;
}

function checkStart(first: AuditRecord, at: AuditLine, trims: ReadonlySet<string>) {
  if (first.seq === 1) {
    if (first.previous === CHAIN_START.hash) return undefined;
    return broken("replaced", at, 1, "the first record names a record before it");
  }
  if (trims.has(trimOf(first.seq - 1, first.previous))) return undefined;
  return broken("start-missing", at, first.seq - 1, `the chain begins at record ${first.seq}, and no record says why`);
}

function checkHeadOutside(head: AuditHead, first: AuditRecord | undefined, last: AuditRecord | undefined) {
  if (first === undefined || last === undefined || head.seq > last.seq) {
    const end = last === undefined ? "there are no records" : `the chain ends at record ${last.seq}`;
    return broken("cut-off", undefined, head.seq, `${end}; the exported head is record ${head.seq} of ${head.time}`);
  }
  if (head.seq === first.seq - 1) {
    // The last record that retention removed: its hash is still known.
    if (head.hash === first.previous) return undefined;
    return broken("head-differs", undefined, head.seq, "the exported head has another hash");
  }
  return broken(
    "head-too-old",
    undefined,
    head.seq,
    `records before ${first.seq} were removed by retention; export a newer head`,
  );
}

function broken(what: AuditBroken["what"], at: AuditLine | undefined, seq: number | undefined, because: string) {
  return refusal({ kind: "audit-broken", what, file: at?.file, line: at?.line, seq, because } satisfies AuditBroken);
}

/** One line for a person: where, which record, what. */
export function describeBroken(problem: AuditBroken): string {
  const place = problem.file === undefined ? "audit" : `${problem.file}:${problem.line}`;
  const record = problem.seq === undefined ? "a record" : `record ${problem.seq}`;
  return `${place}: ${record} ${WORDS[problem.what]}: ${problem.because}`;
}

const WORDS: Readonly<Record<AuditBroken["what"], string>> = {
  unreadable: "cannot be read",
  changed: "was changed",
  missing: "is missing",
  misplaced: "is not in its place",
  replaced: "was replaced",
  "start-missing": "and those before it are missing",
  "cut-off": "is missing: the end was cut off",
  "head-differs": "is not the one that was exported",
  "head-too-old": "is no longer kept",
};
