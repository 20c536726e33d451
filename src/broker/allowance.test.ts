import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Allowance } from "./index.ts";

const HOUR = 3_600_000;
const START = 500_000 * HOUR;

test("without limits everything passes at once", () => {
  const allowance = new Allowance({ bytesPerDay: undefined, bytesPerSecond: undefined });
  assert.deepEqual(allowance.take(1e9, START, 0), { kind: "bytes", bytes: 1e9 });
});

test("a quota is used up, and comes back an hour after a day", () => {
  const allowance = new Allowance({ bytesPerDay: 1000, bytesPerSecond: undefined });
  assert.deepEqual(allowance.take(600, START, 0), { kind: "bytes", bytes: 600 });
  assert.deepEqual(allowance.take(600, START + 2 * HOUR, 0), { kind: "bytes", bytes: 400 });
  assert.deepEqual(allowance.take(1, START + 2 * HOUR, 0), { kind: "used-up", milliseconds: 23 * HOUR });
  assert.deepEqual(allowance.take(1, START + 25 * HOUR - 1, 0), { kind: "used-up", milliseconds: 1 });
  assert.deepEqual(allowance.take(1000, START + 25 * HOUR, 0), { kind: "bytes", bytes: 600 });
});

test("a rate gives a second's worth at once, and then as time passes", () => {
  const allowance = new Allowance({ bytesPerDay: undefined, bytesPerSecond: 1000 });
  assert.deepEqual(allowance.take(5000, START, 0), { kind: "bytes", bytes: 1000 });
  assert.deepEqual(allowance.take(5000, START, 0), { kind: "wait", milliseconds: 1 });
  assert.deepEqual(allowance.take(5000, START, 100), { kind: "bytes", bytes: 100 });
  assert.deepEqual(allowance.take(5000, START, 60_000), { kind: "bytes", bytes: 1000 }, "what is not used is lost");
  assert.deepEqual(
    allowance.take(5000, START, 0),
    { kind: "wait", milliseconds: 1 },
    "a clock that goes back gives nothing",
  );
});

test("what was counted outlives the agent", () => {
  const before = new Allowance({ bytesPerDay: 1000, bytesPerSecond: undefined });
  before.take(900, START, 0);
  const state = Allowance.readState(JSON.parse(JSON.stringify(before.state)));
  assert.deepEqual(new Allowance({ bytesPerDay: 1000, bytesPerSecond: undefined }, state).take(900, START, 0), {
    kind: "bytes",
    bytes: 100,
  });
  for (const odd of [
    null,
    {},
    [1],
    [[1]],
    [[1, -1]],
    [[0.5, 1]],
    [["1", 1]],
    Array.from({ length: 51 }, (_, at) => [at, 1]),
  ])
    assert.equal(Allowance.readState(odd), undefined);
});

test("in no 24 hours more than the quota passes, whatever is asked and however the clock is turned", () => {
  const asked = fc.array(fc.tuple(fc.integer({ min: -3 * HOUR, max: 9 * HOUR }), fc.integer({ min: 1, max: 700 })), {
    minLength: 1,
    maxLength: 60,
  });
  fc.assert(
    fc.property(asked, (steps) => {
      const allowance = new Allowance({ bytesPerDay: 1000, bytesPerSecond: undefined });
      const passed: { readonly at: number; readonly bytes: number }[] = [];
      let wall = START;
      let latest = 0;
      for (const [forward, bytes] of steps) {
        wall += forward;
        latest = Math.max(latest, wall);
        const take = allowance.take(bytes, wall, 0);
        if (take.kind === "bytes") passed.push({ at: latest, bytes: take.bytes });
        else assert.ok(take.kind === "used-up" && take.milliseconds >= 1);
      }
      for (const { at } of passed) {
        const within = passed.filter((one) => one.at > at - 24 * HOUR && one.at <= at);
        assert.ok(within.reduce((sum, { bytes }) => sum + bytes, 0) <= 1000);
      }
    }),
  );
});

test("in no second more than twice the rate passes", () => {
  const asked = fc.array(fc.tuple(fc.nat(700), fc.integer({ min: 1, max: 5000 })), { minLength: 1, maxLength: 80 });
  fc.assert(
    fc.property(asked, (steps) => {
      const allowance = new Allowance({ bytesPerDay: undefined, bytesPerSecond: 1000 });
      const passed: { readonly at: number; readonly bytes: number }[] = [];
      let steady = 0;
      for (const [forward, bytes] of steps) {
        steady += forward;
        const take = allowance.take(bytes, START, steady);
        if (take.kind === "bytes") passed.push({ at: steady, bytes: take.bytes });
        else assert.ok(take.kind === "wait" && take.milliseconds >= 1);
      }
      for (const { at } of passed) {
        const within = passed.filter((one) => one.at >= at && one.at < at + 1000);
        assert.ok(within.reduce((sum, { bytes }) => sum + bytes, 0) <= 2000);
      }
    }),
  );
});
