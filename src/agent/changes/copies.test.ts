import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { knownTimes } from "./copies.ts";

const upper = (...paths: readonly string[]) => ({ paths, cut: false });

test("a copy in which nothing waits begins anew with each start", () => {
  const first = knownTimes(undefined, upper(), "1");
  assert.deepEqual(first, { first: "1", latest: "1", paths: {}, incomplete: false, own: {} });
  const later = knownTimes({ ...first, paths: { a: "1" }, own: { "": "5" } }, upper(), "7");
  assert.deepEqual(later, { first: "7", latest: "7", paths: {}, incomplete: false, own: {} });
});

test("what an earlier start has left counts from the start before it, however many follow", () => {
  const one = knownTimes(undefined, upper(), "1");
  const two = knownTimes(one, upper("a"), "2");
  const three = knownTimes(two, upper("a", "b"), "3");
  assert.deepEqual(three.paths, { a: "1", b: "2" });
  assert.equal(three.latest, "3");
  // What was applied or discarded meanwhile, and is written again, counts anew.
  assert.deepEqual(knownTimes(knownTimes(three, upper("b"), "4"), upper("a", "b"), "5").paths, { a: "4", b: "2" });
});

test("where nothing is known of what waits, everything may have changed since", () => {
  assert.deepEqual(knownTimes(undefined, upper("a"), "9"), {
    first: "0",
    latest: "9",
    paths: {},
    incomplete: true,
    own: {},
  });
});

test("no path ever counts from a later start than the one that left it", () => {
  const starts = fc.array(
    fc.uniqueArray(fc.constantFrom<string>("a", "b", "__proto__", "constructor"), { maxLength: 4 }),
  );
  fc.assert(
    fc.property(starts, (rounds) => {
      let known = knownTimes(undefined, upper(), "0");
      const since = new Map<string, number>();
      for (const [index, paths] of rounds.entries()) {
        const now = index + 1;
        for (const path of since.keys()) if (!paths.includes(path)) since.delete(path);
        for (const path of paths) if (!since.has(path)) since.set(path, index);
        known = knownTimes(known, upper(...paths), String(now));
        for (const path of paths) {
          const time = Object.hasOwn(known.paths, path) ? known.paths[path] : known.first;
          assert.ok(Number(time) <= (since.get(path) ?? 0), `${path} counts from ${time}`);
        }
      }
    }),
  );
});
