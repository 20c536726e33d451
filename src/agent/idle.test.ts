import assert from "node:assert/strict";
import { test } from "node:test";
import { Idle } from "./idle.ts";

test("what takes long is not idle, and idleness counts from its end", () => {
  const idle = new Idle(0);
  assert.equal(idle.forMs(10), 10);
  const [first, second] = [idle.begin(), idle.begin()];
  assert.equal(idle.forMs(1_000_000), 0);
  first(1_000_000);
  first(1_000_001);
  assert.equal(idle.forMs(2_000_000), 0, "an answer that ends twice has ended once");
  second(2_000_000);
  assert.equal(idle.forMs(2_000_007), 7);
});
