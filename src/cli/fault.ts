/** Faults at the edge: a bug of ours, in words that help to report it. */
import { escapeText } from "../model/index.ts";

/** Where faults are reported; SECURITY.md says where those go that should not be public. */
const REPORT = "Please report it with the command that you gave, this text, and the output of `skerry facts --json`.";

/** @param trace - with the stack, for those who look for the bug */
export function faultText(error: unknown, trace: boolean): string {
  const message = error instanceof Error ? error.message : String(error);
  const stack = error instanceof Error ? (error.stack ?? message) : message;
  return [
    `fault: ${escapeText(message)}`,
    "This is a bug in Skerry, not a mistake of yours.",
    trace
      ? stack
          .split("\n")
          .map((line) => escapeText(line))
          .join("\n")
      : "SKERRY_TRACE=1 shows where it happened.",
    REPORT,
  ].join("\n  ");
}
