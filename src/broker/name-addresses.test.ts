import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Addresses, MAX_NAMES, NameAddresses } from "./index.ts";

function give(names: NameAddresses, name: string): Addresses {
  const given = names.give(name);
  assert.ok(given.ok, JSON.stringify(given));
  return given.value;
}

test("a name has one address of each kind, keeps it, and is known by it", () => {
  const names = new NameAddresses();
  assert.deepEqual(give(names, "a.example"), { four: "198.18.1.0", six: "fd53:6b65:7279::100" });
  assert.deepEqual(give(names, "b.example"), { four: "198.18.1.1", six: "fd53:6b65:7279::101" });
  assert.deepEqual(give(names, "a.example"), { four: "198.18.1.0", six: "fd53:6b65:7279::100" });
  assert.equal(names.nameAt("198.18.1.1"), "b.example");
  assert.equal(names.nameAt("fd53:6b65:7279:0:0:0:0:100"), "a.example");
  for (const other of ["198.18.1.2", "198.18.0.53", "198.19.255.255", "192.0.2.1", "fd53:6b65:7279:1::100", "x"])
    assert.equal(names.nameAt(other), undefined, other);
});

test("with too many names the one that was not used for longest is forgotten, and its address not given again soon", () => {
  const names = new NameAddresses();
  const first = give(names, "first.example");
  for (let count = 1; count < MAX_NAMES; count++) give(names, `n${count}.example`);
  give(names, "n1.example");
  const more = give(names, "more.example");
  assert.equal(names.nameAt(first.four), undefined);
  assert.equal(names.nameAt(more.four), "more.example");
  assert.notEqual(give(names, "first.example").four, first.four);
});

test("an address is never given anew while a connection lives, through the whole range", () => {
  const names = new NameAddresses();
  const held = give(names, "held.example");
  const letGo = names.hold("held.example");
  const again = names.hold("held.example");
  letGo();
  letGo();
  const seen = new Set<string>();
  for (let count = 0; count < 131_000; count++) seen.add(give(names, `n${count}.example`).four);
  assert.ok(!seen.has(held.four), "two calls of one hold let go of one hold");
  assert.ok(seen.size > 130_000, "each other address comes before one comes again");
  assert.equal(names.nameAt(held.four), "held.example");
  again();
  for (let count = 0; count < 131_000; count++) seen.add(give(names, `m${count}.example`).four);
  assert.ok(seen.has(held.four));
});

test("where every name is held, another one is refused", () => {
  const names = new NameAddresses();
  for (let count = 0; count < MAX_NAMES; count++) {
    give(names, `n${count}.example`);
    names.hold(`n${count}.example`);
  }
  assert.deepEqual(names.give("more.example"), { ok: false, problem: { kind: "names-full", limit: MAX_NAMES } });
  assert.ok(names.give("n0.example").ok);
});

test("what is written down is read back, and anything else is not", () => {
  const names = new NameAddresses();
  for (let count = 0; count < 10; count++) give(names, `n${count}.example`);
  const copy = NameAddresses.from(JSON.parse(JSON.stringify(names.state)));
  assert.deepEqual(copy?.state, names.state);
  assert.equal(copy?.nameAt("198.18.1.3"), "n3.example");
  const twice = {
    next: 256,
    names: [
      ["a", 300],
      ["b", 300],
    ],
  };
  const odd = [
    null,
    1,
    {},
    { next: 0, names: [] },
    { next: 256, names: [["a"]] },
    { next: 256, names: [[1, 300]] },
    twice,
  ];
  for (const state of [...odd, { next: 256, names: [["a", 53]] }, { next: 256, names: [["a", 131_071]] }])
    assert.equal(NameAddresses.from(state), undefined, JSON.stringify(state));
  fc.assert(fc.property(fc.anything(), (state) => assert.ok(NameAddresses.from(state) === undefined)));
});
