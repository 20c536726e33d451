/**
 * Printing: tables, JSON and messages of the command line.
 *
 * Invariants
 * - Nothing unprintable reaches a terminal: every cell and every message is escaped here, since names and words come
 *   from recipes, apps and archives. What an attached app prints does not pass through this file.
 * - Text is cut to the terminal's width on a terminal only, so that a pipe gets all of it.
 */
import { escapeText } from "../model/index.ts";
import type { World } from "./world.ts";

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
  /** Numbers are aligned at the right. */
  readonly right?: boolean;
}

/** Between two columns. */
const GAP = "  ";

/** Cells longer than this are cut even in a pipe: nothing that is printed grows without a limit. */
const CELL_LIMIT = 2000;

/**
 * Lines of a table, with titles.
 *
 * @param width - characters of the terminal; undefined where nothing is to be cut
 */
export function tableLines<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  width: number | undefined,
): readonly string[] {
  const cells = [
    columns.map(({ title }) => title),
    ...rows.map((row) => columns.map(({ cell }) => escapeText(cell(row), CELL_LIMIT))),
  ];
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => displayWidth(line[index] ?? ""))));
  return cells.map((line) => {
    const padded = line.map((text, index) => pad(text, widths[index] ?? 0, columns[index]?.right === true));
    return cut(padded.join(GAP).trimEnd(), width);
  });
}

/** A line shortened to the width, with a mark that something is missing. */
export function cut(line: string, width: number | undefined): string {
  if (width === undefined || displayWidth(line) <= width) return line;
  let kept = "";
  for (const char of line) {
    if (displayWidth(kept + char) > width - 1) break;
    kept += char;
  }
  return `${kept}…`;
}

/** Cells of a terminal: wide East Asian characters and emoji take two, combining marks none. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const char of text) {
    if (/\p{Mark}/u.test(char)) continue;
    width +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(
        char,
      )
        ? 2
        : 1;
  }
  return width;
}

function pad(text: string, width: number, right: boolean): string {
  const space = " ".repeat(Math.max(0, width - displayWidth(text)));
  return right ? space + text : text + space;
}

/** Prints a listing. On nothing to list it says so on standard error, so that a pipe gets an empty text. */
export function printTable<Row>(
  world: World,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  whenEmpty: string,
): void {
  if (rows.length === 0) {
    say(world, whenEmpty);
    return;
  }
  for (const line of tableLines(rows, columns, world.terminal.output ? world.terminal.columns : undefined)) {
    world.process.stdout.write(`${line}\n`);
  }
}

/** The same for programs. JSON escapes control characters by itself. */
export function printJson(world: World, value: unknown): void {
  world.process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

/** A line of the answer. Line breaks that we wrote ourselves stay; all else unprintable is escaped. */
export function print(world: World, text: string): void {
  world.process.stdout.write(`${escapeLines(text)}\n`);
}

/** A line about the work, beside the answer. */
export function say(world: World, text: string): void {
  world.process.stderr.write(`${escapeLines(text)}\n`);
}

/** What went wrong, then what to do about it. */
export function complain(world: World, text: string): void {
  world.process.stderr.write(`${paint(world, "red", "error", "error")}: ${escapeLines(text)}\n`);
}

/** Something to know that stops nothing. */
export function warn(world: World, text: string): void {
  world.process.stderr.write(`${paint(world, "yellow", "warning", "error")}: ${escapeLines(text)}\n`);
}

function escapeLines(text: string): string {
  return text
    .split("\n")
    .map((line) => escapeText(line, 20_000))
    .join("\n");
}

const COLOURS = { red: 31, green: 32, yellow: 33, bold: 1, dim: 2 } as const;

/** Colours a word of ours, where the stream is a terminal and the owner wants colours. */
export function paint(
  world: World,
  colour: keyof typeof COLOURS,
  text: string,
  stream: "output" | "error" = "output",
): string {
  const wanted = world.terminal[stream] && world.colours;
  return wanted ? `\u001b[${COLOURS[colour]}m${text}\u001b[0m` : text;
}

/** Bytes for a person: three digits at most, in units of 1024. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit]}`;
}
