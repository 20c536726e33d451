/** Durations: `500ms`, `10s`, `2m`, `1h`. One whole number and one unit, within the bounds of the place. */
import * as z from "zod";
import { found, quote } from "./complaint.ts";
import { pattern, wants } from "./schema-parts.ts";

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

const DURATION_PATTERN = /^[1-9][0-9]{0,6}(ms|s|m|h)$/;

/** At most this many ends can be counted. */
const MOST_ENDS = 1000;

/** A text that says a duration between the two, both included. */
export function duration(shortest: string, longest: string) {
  return z
    .string(wants(`a duration such as ${shortest} or 10s`))
    .check(
      pattern(
        DURATION_PATTERN,
        (text) =>
          `expected a duration such as 500ms, 10s, 2m or 1h, found ${found(text)}. Write one whole number and one unit`,
      ),
    )
    .refine(
      (text) => millisecondsOf(text) >= millisecondsOf(shortest) && millisecondsOf(text) <= millisecondsOf(longest),
      {
        error: ({ input }) => `${quote(String(input))} is out of range. It is ${shortest} to ${longest}`,
      },
    );
}

/** @param text - as `duration` lets it pass */
export function millisecondsOf(text: string): number {
  const [, amount = "", unit = ""] = /^([0-9]+)([a-z]+)$/.exec(text) ?? [];
  return Number(amount) * (UNITS[unit] ?? Number.NaN);
}

/** The same duration in the largest unit that needs no fraction. */
export function durationText(milliseconds: number): string {
  const unit = ["h", "m", "s"].find((name) => milliseconds % (UNITS[name] ?? Number.NaN) === 0) ?? "ms";
  return `${milliseconds / (UNITS[unit] ?? 1)}${unit}`;
}

/** `5 in 10m`: a count and a duration. */
export const countWithin = z
  .string(wants("a count and a duration such as 5 in 10m"))
  .check(
    pattern(
      /^[1-9][0-9]{0,3} in [1-9][0-9]{0,6}(ms|s|m|h)$/,
      (text) => `expected a count and a duration such as 5 in 10m, found ${found(text)}`,
    ),
  )
  .refine((text) => countWithinOf(text).ends <= MOST_ENDS, {
    error: ({ input }) => `${quote(String(input))} counts too far. At most ${MOST_ENDS}`,
  })
  .refine((text) => countWithinOf(text).withinMs >= 1000 && countWithinOf(text).withinMs <= millisecondsOf("24h"), {
    error: ({ input }) => `${quote(String(input))} is out of range. The duration is 1s to 24h`,
  });

/** @param text - as `countWithin` lets it pass */
export function countWithinOf(text: string): { readonly ends: number; readonly withinMs: number } {
  const [ends = "", , within = ""] = text.split(" ");
  return { ends: Number(ends), withinMs: millisecondsOf(within) };
}
