import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LayerHolds } from "./layer-holds.ts";

test("what is held is never taken, and what is taken is never held, in whatever order", () => {
  const act = fc.record({
    what: fc.constantFrom("hold", "release", "take", "give"),
    key: fc.constantFrom("a", "b", "c"),
  });
  fc.assert(
    fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
      const holds = new LayerHolds();
      const releases = new Map<string, (() => void)[]>([
        ["a", []],
        ["b", []],
        ["c", []],
      ]);
      const taken = new Set<string>();
      for (const { what, key } of acts) {
        const mine = releases.get(key) ?? [];
        if (what === "hold") {
          const release = holds.hold([key]);
          assert.equal(release === undefined, taken.has(key));
          if (release !== undefined) mine.push(release);
        } else if (what === "release") {
          const release = mine.pop();
          release?.();
          release?.();
        } else if (what === "take") {
          assert.equal(holds.take(key), mine.length === 0);
          if (mine.length === 0) taken.add(key);
        } else {
          holds.give(key);
          taken.delete(key);
        }
      }
      assert.equal(
        holds.any,
        [...releases.values()].some((each) => each.length > 0),
      );
    }),
  );
});
