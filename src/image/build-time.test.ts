import assert from "node:assert/strict";
import { test } from "node:test";
import { newestOf } from "./build-time.ts";

const head = (time: string) => `!<arch>\ndebian-binary   ${time.padEnd(12)}0     0     100644  4         \`\n2.0\n`;

test("a build's time is that of its newest package, and what says no time counts for nothing", () => {
  assert.equal(head("1").length, 72);
  assert.equal(newestOf(head("1741035682") + head("1728546827") + head("1740792655")), 1_741_035_682);
  assert.equal(newestOf(head("99999999999") + head("7")), 7);
  assert.equal(newestOf("x".repeat(100)), 0);
  assert.equal(newestOf(""), 0);
});
