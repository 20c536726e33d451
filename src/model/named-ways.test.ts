import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { namedWays, whyNotTold } from "./named-ways.ts";
import { networkRule } from "./network-rule.fixture.ts";
import type { NetworkRule } from "./network-rule.ts";

function rule(text: string, port?: number, parts: Partial<NetworkRule> = {}): NetworkRule {
  const target = text.startsWith("*.")
    ? ({ kind: "names-below", suffix: text.slice(2) } as const)
    : ({ kind: "name", name: text } as const);
  return networkRule(text, target, { port, ...parts });
}

function waysOf(...rules: readonly NetworkRule[]) {
  const ports = (ways: readonly { readonly port: number | undefined }[]) => ways.map(({ port }) => port);
  return namedWays(rules).map(({ name, itself, below }) => [name, ports(itself), ports(below)]);
}

test("a name is opened without those below it, and those below it without the name", () => {
  assert.deepEqual(waysOf(rule("a.test", 443)), [["a.test", [443], []]]);
  assert.deepEqual(waysOf(rule("*.a.test", 443)), [["a.test", [], [443]]]);
  assert.deepEqual(waysOf(rule("a.test", 443), rule("*.a.test", 443)), [["a.test", [443], [443]]]);
});

test("a name below a wider rule has the ports of both, and so has what is below it of the wider one", () => {
  assert.deepEqual(waysOf(rule("b.a.test", 443), rule("*.a.test", 443), rule("*.a.test", 80)), [
    ["a.test", [], [443, 80]],
    ["b.a.test", [443, 80], [443, 80]],
  ]);
  assert.deepEqual(waysOf(rule("xa.test", 443), rule("*.a.test", 80)), [
    ["a.test", [], [80]],
    ["xa.test", [443], []],
  ]);
});

test("what a resolver cannot tell apart is refused with the name that it is about", () => {
  const apart = [rule("a.test", 443), rule("*.a.test", 80)];
  for (const one of apart) assert.match(whyNotTold(one, apart) ?? "", /^a\.test and the names below it/);
  const nested = [rule("b.a.test", 443), rule("*.a.test", 80)];
  assert.match(whyNotTold(nested[0] ?? rule(""), nested) ?? "", /^b\.a\.test and the names below it/);
  const mixed = [rule("a.test", 443), rule("a.test", 80, { private: true })];
  assert.match(whyNotTold(mixed[0] ?? rule(""), mixed) ?? "", /private/);
  const many = Array.from({ length: 9 }, (_, port) => rule("a.test", port + 1));
  assert.match(whyNotTold(many[0] ?? rule(""), many) ?? "", /more than 8 ports/);
  const fine = [
    rule("a.test", 443),
    rule("b.test", 80),
    rule("*.c.test", 443),
    rule("a.test", 53, { protocol: "udp" }),
  ];
  for (const one of fine) assert.equal(whyNotTold(one, fine), undefined);
  const address = { kind: "addresses", family: 4, address: "192.0.2.7", prefix: 32 } as const;
  assert.equal(whyNotTold(rule("192.0.2.7", 443, { target: address }), fine), undefined);
});

test("whatever the rules: each name that one names has its port, and a name that none names has no way", () => {
  const labels = fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 3 });
  const some = fc.record({ labels, below: fc.boolean(), port: fc.constantFrom(80, 443) });
  fc.assert(
    fc.property(fc.array(some, { maxLength: 6 }), (parts) => {
      const rules = parts.map((one) => rule(`${one.below ? "*." : ""}${one.labels.join(".")}`, one.port));
      for (const { name, itself } of namedWays(rules)) {
        const naming = parts.filter((one) =>
          one.below ? name.endsWith(`.${one.labels.join(".")}`) : name === one.labels.join("."),
        );
        assert.deepEqual(new Set(itself.map(({ port }) => port)), new Set(naming.map(({ port }) => port)));
      }
    }),
  );
});
