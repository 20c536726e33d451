import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Grant, NetworkRule } from "../model/index.ts";
import { networkRule } from "../model/network-rule.fixture.ts";
import type { LearnedOf } from "./learn.ts";
import { learnNetwork, type TargetSeen } from "./learn-network.ts";

const grant = (rules: readonly NetworkRule[]): Grant => ({
  answer: "subset",
  folder: undefined,
  files: undefined,
  allow: undefined,
  rules,
});

const request = (name: string, parts: Partial<LearnedOf> = {}): LearnedOf => ({
  ...{ name, need: "optional", verbs: [], grant: undefined },
  ...parts,
});

const seen = (name: string, port: number, by = "learn"): TargetSeen => ({
  rule: networkRule(`${name}:${port}`, { kind: "name", name }, { port }),
  by,
});

const BELOW = networkRule(
  "*.example.org",
  { kind: "names-below", suffix: "example.org" },
  { private: true, bytesPerDay: 1e6 },
);
const DENIED = networkRule("ads.example.org", { kind: "name", name: "ads.example.org" }, { answer: "deny" });

const texts = (found: ReturnType<typeof learnNetwork>) =>
  found.map(({ request: name, grant: one }) => [name, one?.answer, ...(one?.rules ?? []).map(({ text }) => text)]);

test("each target that was reached is a rule, once, in order; what an own rule let through keeps its options", () => {
  const targets = [seen("b.example.net", 443), seen("a.example.org", 80, "*.example.org"), seen("b.example.net", 443)];
  const [learned] = learnNetwork([request("net", { grant: grant([BELOW, DENIED]) })], { targets, unsure: undefined });
  const rules = learned?.grant?.rules ?? [];
  assert.deepEqual(
    rules.map(({ text }) => text),
    ["a.example.org:80", "b.example.net:443", "ads.example.org"],
  );
  assert.deepEqual([rules[0]?.private, rules[0]?.bytesPerDay, rules[0]?.port], [true, 1e6, 80]);
  assert.deepEqual([rules[1]?.private, rules[1]?.bytesPerDay], [false, undefined]);
  assert.equal(rules[2], DENIED, "what was denied stays denied");
});

test("what was not used is denied, and empty where it is required", () => {
  const nothing = { targets: [], unsure: undefined };
  assert.deepEqual(texts(learnNetwork([request("net"), request("must", { need: "required" })], nothing)), [
    ["net", "deny"],
    ["must", "empty"],
  ]);
});

test("of several requests the one whose rule it was has the target, and else the first", () => {
  const requests = [request("one"), request("two", { grant: grant([BELOW]) }), request("three", { need: "required" })];
  const targets = [seen("a.example.org", 1, "*.example.org"), seen("b.example.net", 2)];
  assert.deepEqual(texts(learnNetwork(requests, { targets, unsure: undefined })), [
    ["one", "subset", "b.example.net:2"],
    ["two", "subset", "a.example.org:1"],
    // A compartment has one network: an empty one beside it would be refused.
    ["three", "subset", "b.example.net:2"],
  ]);
});

test("where not all is known, or there are more targets than an answer has rules, nothing is proposed", () => {
  const unsure = learnNetwork([request("net")], { targets: [seen("a.example.org", 1)], unsure: "too much" });
  assert.deepEqual(unsure, [{ request: "net", grant: undefined, notes: ["too much"] }]);
  const targets = Array.from({ length: 201 }, (_, port) => seen("a.example.org", port + 1));
  assert.equal(learnNetwork([request("net")], { targets, unsure: undefined })[0]?.grant, undefined);
});

test("many names below one suffix are said, and still named one by one", () => {
  const targets = Array.from({ length: 9 }, (_, count) => seen(`h${count}.cdn.example.co.uk`, 443));
  const [learned] = learnNetwork([request("net")], { targets, unsure: undefined });
  assert.equal(learned?.grant?.rules?.length, 9);
  assert.deepEqual(learned?.notes, ["9 names are below example.co.uk: *.example.co.uk would be shorter, and wider"]);
});

test("rules cover all that was reached, and nothing that was not", () => {
  const target = fc.record({
    name: fc.constantFrom("a.example.org", "b.example.org", "c.example.net"),
    port: fc.integer({ min: 1, max: 5 }),
    by: fc.constantFrom("learn", "*.example.org", "gone"),
  });
  const needs = fc.array(fc.constantFrom("optional" as const, "required" as const), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(fc.array(target), needs, fc.nat(2), (wanted, kinds, own) => {
      const requests = kinds.map((need, index) =>
        request(`r${index}`, { need, grant: index === own ? grant([BELOW]) : undefined }),
      );
      const targets = wanted.map(({ name, port, by }) => seen(name, port, by));
      const learned = learnNetwork(requests, { targets, unsure: undefined });
      const rules = learned.flatMap(({ grant: one }) => one?.rules ?? []);
      assert.deepEqual(new Set(rules.map(({ text }) => text)), new Set(targets.map(({ rule }) => rule.text)));
      assert.ok(rules.every(({ target: { kind }, port }) => kind === "name" && port !== undefined));
    }),
  );
});
