/**
 * File patterns: which files of a folder are meant by `*.pdf` or `2026/*.csv`. Pure.
 *
 * `*` stands for any characters of one part of a path, `?` for one; everything else for itself. What begins with a dot is
 * hidden, and only a part that begins with one means it.
 *
 * Invariants
 * - A pattern has as many parts as what it matches: none reaches deeper than it says.
 * - Only what can be printed is matched: a name that would hide on a screen is no file that somebody has meant.
 */
import { isPrintable } from "./names.ts";

/** Whether a chosen file is a pattern, and no name. */
export function isFilePattern(text: string): boolean {
  return /[*?]/.test(text);
}

/** @returns why a clean path with `*` or `?` is no pattern; undefined where it is one */
export function filePatternFault(text: string): string | undefined {
  if (text.includes("**")) return 'Write one "*" for each part of a path; "**" is none';
  const parts = text.split("/");
  if (parts.length > MOST_PARTS) return `A pattern has at most ${MOST_PARTS} parts`;
  if (parts.some((part) => part.split("*").length - 1 > MOST_STARS))
    return `A part of a pattern has at most ${MOST_STARS} "*"`;
  return undefined;
}

const MOST_PARTS = 16;
const MOST_STARS = 8;

/** Whether one part of a pattern means this name. */
export function matchesPart(pattern: string, name: string): boolean {
  if (!isFilePattern(pattern)) return pattern === name;
  if (name.startsWith(".") && !pattern.startsWith(".")) return false;
  if (!isPrintable(name)) return false;
  const [wanted, given] = [[...pattern], [...name]];
  let [at, to] = [0, 0];
  // Back to the last star, which then takes one character more.
  let [star, taken] = [-1, 0];
  while (to < given.length) {
    if (wanted[at] === "*") {
      star = at;
      taken = to;
      at += 1;
    } else if (at < wanted.length && (wanted[at] === "?" || wanted[at] === given[to])) {
      at += 1;
      to += 1;
    } else if (star >= 0) {
      at = star + 1;
      taken += 1;
      to = taken;
    } else return false;
  }
  return wanted.slice(at).every((rest) => rest === "*");
}

/** Whether a pattern may mean a path, or something below or above it, as far as both are given. */
export function mayMeet(pattern: readonly string[], path: readonly string[]): boolean {
  return path.length <= pattern.length && path.every((part, index) => matchesPart(pattern[index] ?? "", part));
}

/** The parts of a pattern: those that are a folder's path, and the rest, from the first that holds a star. */
export function splitPattern(pattern: string): {
  readonly folder: readonly string[];
  readonly rest: readonly string[];
} {
  const parts = pattern.split("/");
  const first = parts.findIndex(isFilePattern);
  return { folder: parts.slice(0, first), rest: parts.slice(first) };
}

interface Picked {
  readonly files: readonly string[];
  readonly found?: readonly string[];
}

/** Files that are shown: those that are named, and those that were found to match. */
export function pickedFiles({ files, found }: Picked): readonly string[] {
  return found === undefined ? files : [...new Set([...files.filter((file) => !isFilePattern(file)), ...found])];
}

export function patternsOf({ files, found }: Picked): readonly string[] {
  return found === undefined ? [] : files.filter(isFilePattern);
}

/** Chosen files of one request; those that are found to match count. */
export const MOST_CHOSEN_FILES = 1000;
