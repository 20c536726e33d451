import assert from "node:assert/strict";
import { test } from "node:test";
import type { NetworkRule } from "../../model/index.ts";
import { Allowances } from "./allowances.ts";
import { type Decided, Tally } from "./tally.ts";

const refused = (to: string): Decided => ({ allowed: false, to, because: "no rule names it" });

test("what is tried again within a second is one record, with how often", async () => {
  const written: [string, number][] = [];
  const tally = new Tally(async (decided, times) => void written.push([decided?.to ?? "others", times]));
  for (let tries = 0; tries < 1000; tries++) tally.note(refused("a:1/tcp"));
  tally.note(refused("b:1/tcp"));
  await tally.flush();
  assert.deepEqual(written, [
    ["a:1/tcp", 1000],
    ["b:1/tcp", 1],
  ]);
  await tally.flush();
  assert.equal(written.length, 2, "what is written is not written again");
});

test("a flood of different targets is a few records, and what has no name is counted all the same", async () => {
  const written: (string | undefined)[] = [];
  let times = 0;
  const tally = new Tally(async (decided, count) => {
    written.push(decided?.to);
    times += count;
  });
  for (let index = 0; index < 5000; index++) tally.note(refused(`${index}:1/tcp`));
  await tally.flush();
  assert.equal(written.length, 21);
  assert.equal(written.at(-1), undefined);
  assert.equal(times, 5000);
  assert.equal(tally.counted.length, 256);
  assert.equal(tally.others, 5000 - 256);
});

const RULE: NetworkRule = {
  text: "example.org",
  target: { kind: "name", name: "example.org" },
  protocol: "tcp",
  port: undefined,
  sameName: false,
  private: false,
  bytesPerDay: 1000,
  bytesPerSecond: undefined,
  answer: "real",
};

test("a quota counts on under the next agent, and when its rule is written with another", () => {
  const before = new Allowances(undefined);
  assert.equal(before.of({ ...RULE, bytesPerDay: undefined }), undefined);
  assert.deepEqual(before.of(RULE)?.take(700, 0, 0), { kind: "bytes", bytes: 700 });
  const after = new Allowances(JSON.parse(JSON.stringify(before.state)));
  assert.deepEqual(after.of(RULE)?.take(700, 0, 0), { kind: "bytes", bytes: 300 });
  assert.deepEqual(after.of({ ...RULE, bytesPerDay: 1500 })?.take(700, 0, 0), { kind: "bytes", bytes: 500 });
  for (const kept of [null, 7, "text", [], { "example.org": [["x", -1]] }])
    assert.deepEqual(new Allowances(kept).of(RULE)?.take(2000, 0, 0), { kind: "bytes", bytes: 1000 });
});
