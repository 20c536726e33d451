import assert from "node:assert/strict";
import { test } from "node:test";
import type { Grant, NetworkRule } from "../model/index.ts";
import { networkRule } from "../model/network-rule.fixture.ts";
import { unneededIn, type Watched } from "./tighten.ts";

const rule = (text: string, answer: NetworkRule["answer"] = "real"): NetworkRule =>
  networkRule(text, { kind: "name", name: text }, { answer });

const grant = (parts: Partial<Grant>): Grant => ({
  answer: "subset",
  folder: undefined,
  files: undefined,
  allow: undefined,
  rules: undefined,
  ...parts,
});

const RULES = [rule("a.example"), rule("b.example"), rule("c.example", "ask")];

const answers = { internet: grant({ rules: RULES }), notes: grant({ folder: "/notes", files: ["a"] }) };

const watched = (parts: Partial<Watched> = {}): Watched => ({
  ran: true,
  uncertain: false,
  used: new Set(["a.example"]),
  changed: new Set(),
  ...parts,
});

const found = (parts: Partial<Watched>, vanished: readonly string[] = []) =>
  unneededIn({ answers }, new Set(vanished), watched(parts)).map(
    ({ request, rule: unused, because }) => `${request} ${unused?.text ?? "-"} ${because}`,
  );

test("a rule that let nothing through is proposed, a used one, one that asks and a folder are not", () => {
  assert.deepEqual(found({}), ["internet b.example not-used"]);
});

test("nothing is called unused where nothing is known of its use", () => {
  assert.deepEqual(found({ ran: false }), []);
  assert.deepEqual(found({ uncertain: true }), []);
  assert.deepEqual(found({ changed: new Set(["internet"]) }), []);
});

test("rules through another machine are not called unused: what passes there is not on record", () => {
  const through = { internet: grant({ rules: RULES, through: "net" }) };
  assert.deepEqual(unneededIn({ answers: through }, new Set(), watched()), []);
});

test("an answer that nobody asks for is proposed whatever is known", () => {
  assert.deepEqual(found({ ran: false }, ["notes"]), ["notes - not-asked-for"]);
});
