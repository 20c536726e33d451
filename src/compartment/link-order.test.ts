import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { linkOrder } from "./link-order.ts";

const order = (links: Readonly<Record<string, readonly string[]>>, names = Object.keys(links)) =>
  linkOrder(names, (name) => links[name] ?? []);

test("what is linked to comes first, and only what is needed comes at all", () => {
  const links = { web: ["db", "cache"], cache: ["db"], db: [], other: [] };
  assert.deepEqual(order(links, ["web"]), { ok: true, value: ["db", "cache", "web"] });
});

test("a circle is refused with the way round", () => {
  const refused = order({ a: ["b"], b: ["c"], c: ["b"] });
  assert.deepEqual(refused, { ok: false, problem: { kind: "link-cycle", cycle: ["b", "c", "b"] } });
  assert.deepEqual(order({ a: ["a"] }), { ok: false, problem: { kind: "link-cycle", cycle: ["a", "a"] } });
});

test("whatever links there are, each stands behind all that it links to, or there is a circle", () => {
  const name = fc.constantFrom("a", "b", "c", "d", "e", "f");
  fc.assert(
    fc.property(fc.dictionary(name, fc.uniqueArray(name, { maxLength: 3 }), { noNullPrototype: true }), (links) => {
      const ordered = linkOrder(
        Object.keys(links),
        (one) => new Map<string, readonly string[]>(Object.entries(links)).get(one) ?? [],
      );
      if (ordered.ok) {
        assert.equal(new Set(ordered.value).size, ordered.value.length);
        for (const [from, tos] of Object.entries(links))
          for (const to of tos) assert.ok(ordered.value.indexOf(to) < ordered.value.indexOf(from));
        return;
      }
      const { cycle } = ordered.problem;
      assert.equal(cycle[0], cycle.at(-1));
      for (const [index, one] of cycle.slice(0, -1).entries())
        assert.ok(
          Object.entries(links).some(([from, tos]) => from === one && tos.some((to) => to === cycle[index + 1])),
        );
    }),
  );
});
