/**
 * Complaint: what is wrong in a text that a person wrote, with the place where it stands.
 *
 * Invariants
 * - Text of the file reaches a screen only through `escapeText`: a descriptor may come from anyone.
 * - A list of complaints is sorted by place and never longer than {@link MAX_COMPLAINTS}.
 */
import { escapeText, nearest } from "../model/index.ts";

export interface Complaint {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units, as editors count. */
  readonly column: number;
  /** One line, already escaped. */
  readonly message: string;
}

export interface DescriptorProblem {
  readonly kind: "descriptor";
  /** At least one. */
  readonly complaints: readonly Complaint[];
}

/** Where a text came from. */
export interface Source {
  /** As it is shown in complaints: a path or the name of a stream. */
  readonly file: string;
  /** Name of the thing that the text describes; for a file its name without `.yaml`. */
  readonly name: string;
}

/** What a check found, before its place is known as line and column. */
export interface Finding {
  /** Distance from the start of the text, in UTF-16 units. */
  readonly offset: number;
  readonly message: string;
}

export const MAX_COMPLAINTS = 50;

/** Sorted, cut, and with line and column instead of a distance. */
export function complaintsAt(file: string, text: string, findings: readonly Finding[]): readonly Complaint[] {
  const sorted = findings.toSorted((left, right) => left.offset - right.offset);
  const kept = sorted.length > MAX_COMPLAINTS ? sorted.slice(0, MAX_COMPLAINTS - 1) : sorted;
  const complaints = kept.map(({ offset, message }) => ({ file, ...lineAndColumn(text, offset), message }));
  const last = complaints.at(-1);
  if (kept.length === sorted.length || last === undefined) return complaints;
  return [...complaints, { ...last, message: `${sorted.length - kept.length} more complaints are not shown` }];
}

/** Of a place in a text, both from 1. */
export function lineAndColumn(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  let line = 1;
  for (let at = before.indexOf("\n"); at !== -1; at = before.indexOf("\n", at + 1)) line += 1;
  return { line, column: offset - lineStart + 1 };
}

/** Columns of a source line that are shown on either side of the caret. */
const SHOWN_BESIDE = 60;

/**
 * A complaint for a person: place and message, then the source line with a caret below the place.
 *
 * @param text - the text that was read; without it there is no source line
 *
 * @example
 * showComplaint({ file: "viewer.yaml", line: 4, column: 1, message: "…" }, text)
 * // viewer.yaml:4:1: netwrok: not a key of a deployment. Did you mean "network"?
 * //     4 | netwrok: deny
 * //       | ^
 */
export function showComplaint(complaint: Complaint, text?: string): string {
  const { line, column } = complaint;
  const first = `${escapeText(complaint.file)}:${line}:${column}: ${complaint.message}`;
  const source = text?.split("\n", line)[line - 1];
  if (source === undefined || source.trim() === "") return first;
  const from = Math.max(0, column - 1 - SHOWN_BESIDE);
  const before = `${from > 0 ? "…" : ""}${escapeText(source.slice(from, column - 1))}`;
  const behind = source.slice(column - 1);
  const gutter = String(line).padStart(5);
  return [
    first,
    `${gutter} | ${before}${escapeText(behind, SHOWN_BESIDE)}`,
    `${" ".repeat(gutter.length)} | ${" ".repeat(Array.from(before).length)}^`,
  ].join("\n");
}

/** Text of the file inside a message. */
export function quote(text: string): string {
  return `"${escapeText(text, 80)}"`;
}

/** What stands in the file, in a few words, for "expected …, found …". */
export function found(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "string") return value === "" ? "an empty text" : `the text ${quote(value)}`;
  if (typeof value === "number") return `the number ${value}`;
  if (typeof value === "boolean") return `the word ${value}`;
  return "a map";
}

/** A value that is not one of a closed set of words. */
export function noneOf(value: unknown, known: readonly string[]): string {
  const words = known.join(", ");
  if (value === undefined) return `missing. Write one of ${words}`;
  if (typeof value !== "string") return `expected one of ${words}, found ${found(value)}`;
  return `${quote(value)} is none of ${words}${didYouMean(value, known)}`;
}

/** The end of a message: what was perhaps meant, or nothing. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const meant = nearest(word, candidates);
  return meant === undefined ? "" : `. Did you mean ${quote(meant)}?`;
}
