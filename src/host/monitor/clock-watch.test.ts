import assert from "node:assert/strict";
import { test } from "node:test";
import { watchClock } from "./clock-watch.ts";

test("a clock that jumps is noticed, and one that goes on is not", (context) => {
  context.mock.timers.enable({ apis: ["setInterval"] });
  let [time, steps] = [1_000_000, 0];
  const end = watchClock(() => steps++, { now: () => time, everyMs: 2_000 });
  const pass = (seen: number, really = seen) => {
    time += really;
    context.mock.timers.tick(seen);
  };
  pass(2_000);
  pass(2_000, 4_500);
  assert.equal(steps, 0, "a busy host is late at times");
  pass(2_000, 600_000);
  assert.equal(steps, 1);
  pass(2_000, -50_000);
  assert.equal(steps, 2, "and one that was set back");
  end();
  pass(20_000, 900_000);
  assert.equal(steps, 2);
});
