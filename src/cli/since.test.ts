import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSince } from "./since.ts";

const NOW = new Date("2026-11-21T12:00:00Z");

test("a time ago, a day and a moment are understood, and nothing else", () => {
  for (const [text, moment] of [
    ["90s", "2026-11-21T11:58:30.000Z"],
    ["30m", "2026-11-21T11:30:00.000Z"],
    ["2h", "2026-11-21T10:00:00.000Z"],
    ["1d", "2026-11-20T12:00:00.000Z"],
    ["2w", "2026-11-07T12:00:00.000Z"],
    ["2026-11-20", "2026-11-20T00:00:00.000Z"],
    ["2026-11-20T12:00Z", "2026-11-20T12:00:00.000Z"],
  ] as const)
    assert.equal(parseSince(text, NOW)?.toISOString(), moment, text);
  for (const text of ["", "2", "h", "-2h", "2 h", "yesterday", "2026", "2026-13-40", "1", "99999999d"])
    assert.equal(parseSince(text, NOW), undefined, text);
});
