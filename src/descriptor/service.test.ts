import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { Service } from "../model/index.ts";
import { parseDeployment } from "./deployment.ts";
import { duration, durationText, millisecondsOf } from "./duration.ts";

function read(lines: string) {
  return parseDeployment(
    `skerry: deployment/1\nrecipe: x\n${lines}\n`,
    { file: "x.yaml", name: "x" },
    { home: "/home/ada" },
  );
}

function parsed(lines: string): Service {
  const deployment = read(lines);
  if (deployment.ok) return deployment.value.service;
  throw new Error(deployment.problem.complaints.map(({ message }) => message).join("\n"));
}

function complaint(lines: string): string {
  const deployment = read(lines);
  assert.ok(!deployment.ok, `let in: ${lines}`);
  return deployment.problem.complaints[0]?.message ?? "";
}

test("a restart policy may be one word, with careful delays", () => {
  assert.deepEqual(parsed("restart: on-failure").restart, {
    when: "on-failure",
    delayMs: 1000,
    longestDelayMs: 60_000,
    most: undefined,
  });
});

test("a first delay that is longer than the usual longest one moves it", () => {
  assert.equal(parsed("restart: { when: always, delay: 5m }").restart.longestDelayMs, 300_000);
});

test("a longest delay that is shorter than the first one is refused", () => {
  assert.match(complaint("restart: { when: always, delay: 10s, longest-delay: 2s }"), /shorter than the delay.*10s/);
});

test("readiness is one sign, no more and no less", () => {
  assert.deepEqual(parsed("ready: { file: /run/up }").ready, {
    sign: { kind: "file", path: "/run/up" },
    withinMs: 30_000,
  });
  assert.equal(parsed("ready: none").ready, "none");
  assert.match(complaint("ready: { within: 10s }"), /no sign/);
  assert.match(complaint("ready: { port: 80, file: /run/up }"), /second sign, beside port/);
  assert.match(complaint("ready: { port: 0 }"), /at least 1/);
  assert.match(complaint("ready: { file: run/../up }"), /no clean absolute path/);
  assert.match(complaint("ready: { command: [pg_isready] }"), /absolute path/);
});

test("a link names an instance, and what a later version will know is refused today", () => {
  assert.deepEqual(parsed("links: [{ to: db }, { to: cache }]").links, [
    { to: "db", port: undefined, as: undefined },
    { to: "cache", port: undefined, as: undefined },
  ]);
  assert.deepEqual(parsed("links: [{ to: db, port: 5432, as: store }, { to: db, port: 80 }]").links, [
    { to: "db", port: 5432, as: "store" },
    { to: "db", port: 80, as: undefined },
  ]);
  assert.match(complaint("links: [{ to: db, as: store }]"), /Write the port/);
  assert.match(
    complaint("links: [{ to: db, port: 1, as: x }, { to: web, port: 1, as: x }]"),
    /"x" is the name of "db"/,
  );
  assert.match(complaint("links: [{ to: db }, { to: db }]"), /listed twice/);
  assert.match(complaint("links: [db]"), /expected a map such as/);
});

test("a duration is one whole number and one unit, in its bounds", () => {
  const within = duration("100ms", "1h");
  for (const text of ["100ms", "1s", "90s", "60m", "1h"]) assert.ok(within.safeParse(text).success, text);
  const wrong = [
    "",
    "0s",
    "1",
    "s",
    "1 s",
    "1.5s",
    "-1s",
    "+1s",
    "1S",
    "01s",
    "1s ",
    "1s1s",
    "99ms",
    "61m",
    "1d",
    "1e3s",
  ];
  for (const text of wrong) assert.ok(!within.safeParse(text).success, text);
});

test("a duration that is written reads as the same time, in its shortest form", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9_999_999 }), (milliseconds) => {
      assert.equal(millisecondsOf(durationText(milliseconds)), milliseconds);
    }),
  );
  assert.deepEqual([1500, 2000, 120_000, 7_200_000].map(durationText), ["1500ms", "2s", "2m", "2h"]);
});
