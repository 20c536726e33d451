import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { RESTART_WORDS, type RestartPolicy } from "../model/index.ts";
import { afterEnd, type EndSeen, FRESH, isDue, STOPPED, startedAgain, type Supervision } from "./restart.ts";

const ALWAYS: RestartPolicy = { when: "always", delayMs: 1000, longestDelayMs: 8000, most: undefined };

/** An app that ends at once, again and again; its delays. */
function delays(policy: RestartPolicy, count: number): readonly (number | undefined)[] {
  let [supervision, now] = [FRESH, 1_000_000];
  return Array.from({ length: count }, () => {
    supervision = afterEnd(policy, supervision, { startedMs: now, endedMs: now + 10, exitCode: 1 });
    const delay = supervision.dueMs === undefined ? undefined : supervision.dueMs - now - 10;
    now = supervision.dueMs ?? now;
    supervision = startedAgain(supervision);
    return delay;
  });
}

test("the delay doubles up to the longest one", () => {
  assert.deepEqual(delays(ALWAYS, 6), [1000, 2000, 4000, 8000, 8000, 8000]);
});

test("what has run for longer than the longest delay begins anew with the first one", () => {
  const before: Supervision = { ...FRESH, inARow: 5 };
  const end: EndSeen = { startedMs: 0, endedMs: 8001, exitCode: 1 };
  assert.equal(afterEnd(ALWAYS, before, end).dueMs, 9001);
  assert.equal(afterEnd(ALWAYS, before, { ...end, endedMs: 8000 }).dueMs, 16_000);
});

test("on-failure starts again after a code that is not 0 and after an end that nobody saw", () => {
  const policy: RestartPolicy = { ...ALWAYS, when: "on-failure" };
  const wanted = (exitCode: number | undefined) =>
    afterEnd(policy, FRESH, { startedMs: 0, endedMs: 1, exitCode }).wanted;
  assert.deepEqual([wanted(0), wanted(1), wanted(137), wanted(undefined)], ["down", "up", "up", "up"]);
});

test("more ends than the bound within its time, and it is given up; older ones do not count", () => {
  const policy: RestartPolicy = { ...ALWAYS, most: { ends: 2, withinMs: 10_000 } };
  const end = (supervision: Supervision, endedMs: number) =>
    afterEnd(policy, supervision, { startedMs: endedMs, endedMs, exitCode: 1 });
  const third = end(end(end(FRESH, 0), 4000), 9999);
  assert.deepEqual([third.gaveUp, third.wanted, third.dueMs], [true, "down", undefined]);
  assert.equal(end(end(end(FRESH, 0), 4000), 10_000).gaveUp, false);
});

test("a clock that was set back does not make it wait for longer than the longest delay", () => {
  const waiting = afterEnd(ALWAYS, FRESH, { startedMs: 1e12, endedMs: 1e12, exitCode: 1 });
  assert.equal(isDue(ALWAYS, waiting, 1e12 + 500), false);
  assert.equal(isDue(ALWAYS, waiting, 1e12 + 1000), true);
  assert.equal(isDue(ALWAYS, waiting, 1e12 - 3_600_000), true);
});

const policy: fc.Arbitrary<RestartPolicy> = fc
  .tuple(
    fc.constantFrom(...RESTART_WORDS),
    fc.integer({ min: 100, max: 3_600_000 }),
    fc.integer({ min: 0, max: 86_400_000 }),
    fc.option(
      fc.record({ ends: fc.integer({ min: 1, max: 5 }), withinMs: fc.integer({ min: 1000, max: 1_000_000 }) }),
      { nil: undefined },
    ),
  )
  .map(([when, delayMs, more, most]) => ({ when, delayMs, longestDelayMs: delayMs + more, most }));

const runs = fc.array(
  fc.record({
    ranMs: fc.integer({ min: 0, max: 1_000_000 }),
    // Also a clock that jumps.
    waitedMs: fc.integer({ min: -100_000, max: 1_000_000 }),
    exitCode: fc.option(fc.constantFrom(0, 1, 137), { nil: undefined }),
    stopped: fc.boolean(),
  }),
  { maxLength: 30 },
);

test("whatever happens, delays keep their bounds, little is kept, and what was stopped stays so", () => {
  fc.assert(
    fc.property(policy, runs, (policy, runs) => {
      let [supervision, now] = [FRESH, 1e12];
      for (const { ranMs, waitedMs, exitCode, stopped } of runs) {
        if (stopped) supervision = STOPPED;
        const ended = afterEnd(policy, supervision, { startedMs: now, endedMs: now + ranMs, exitCode });
        now += ranMs;
        assert.ok(ended.ends.length <= (policy.most?.ends ?? 0) + 1);
        assert.equal(ended.dueMs === undefined, ended.wanted === "down");
        if (supervision.wanted === "down") assert.equal(ended.wanted, "down");
        if (policy.when === "never") assert.equal(ended.wanted, "down");
        if (ended.gaveUp && !supervision.gaveUp) assert.ok(ended.ends.length > (policy.most?.ends ?? Infinity));
        if (ended.dueMs !== undefined) {
          assert.ok(ended.dueMs - now >= policy.delayMs && ended.dueMs - now <= policy.longestDelayMs);
          assert.ok(isDue(policy, ended, ended.dueMs));
        }
        now += waitedMs;
        supervision = ended.wanted === "up" ? startedAgain(ended) : ended;
      }
    }),
  );
});
