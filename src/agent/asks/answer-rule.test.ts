import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAnswerText } from "../../descriptor/index.ts";
import type { Grant } from "../../model/index.ts";
import { withAnswer } from "./answer-rule.ts";

function grant(text: string): Grant {
  const parsed = parseAnswerText(text, "network", "/");
  assert.ok(parsed.ok, text);
  return parsed.value;
}

const rules = (answered: Grant | undefined) => answered?.rules?.map(({ text, answer }) => `${text} ${answer}`);

test("an answer for ever is one rule more, and takes the place of its like", () => {
  const asking = grant("ask:example.org:443");
  const denied = withAnswer(asking, "bad.example:443", false);
  assert.deepEqual(rules(denied), ["example.org:443 real", "bad.example:443 deny"]);
  assert.equal(denied?.answer, "ask");
  const allowed = withAnswer(denied ?? asking, "bad.example:443", true);
  assert.deepEqual(rules(allowed), ["example.org:443 real", "bad.example:443 real"]);
});

test("it has the options of the rule that asked", () => {
  const wide = grant("subset:*.example.org").rules?.map((rule) => ({ ...rule, private: true, answer: "ask" as const }));
  const answered = withAnswer({ ...grant("subset:other.example"), rules: wide }, "www.example.org:443", true);
  assert.deepEqual(rules(answered), ["*.example.org ask", "www.example.org:443 real"]);
  assert.equal(answered?.rules?.[1]?.private, true);
});

test("what no longer asks, and what is no rule, is not written", () => {
  assert.equal(withAnswer(grant("real"), "example.org:443", true), undefined);
  assert.equal(withAnswer(grant("ask"), "\u0007:443", true), undefined);
});
