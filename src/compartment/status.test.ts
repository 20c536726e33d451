import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readStatus } from "./status.ts";

const WHOLE = '{"wall-pid": 10, "start-ticks": 99}\n{ "child-pid": 11 }\n{ "exit-code": 7 }\n';

test("the status tells who the wall and its child are, and how it ended", () => {
  assert.deepEqual(readStatus(WHOLE), { wallPid: 10, startTicks: "99", childPid: 11, exitCode: 7 });
});

test("a status that was cut off anywhere tells what stands before the cut", () => {
  for (let length = 0; length <= WHOLE.length; length++) {
    const status = readStatus(WHOLE.slice(0, length));
    for (const [read, whole] of [
      [status.wallPid, 10],
      [status.childPid, 11],
      [status.exitCode, 7],
    ] as const) {
      assert.ok(read === undefined || read === whole, `${length}: ${read}`);
    }
  }
});

test("no text is a fault", () => {
  fc.assert(fc.property(fc.string(), (text) => void readStatus(text)));
  fc.assert(fc.property(fc.json(), (text) => void readStatus(text)));
});
