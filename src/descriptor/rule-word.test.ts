import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toRule } from "./network-rule.ts";
import { parseRuleWord, ruleWord } from "./rule-word.ts";

function read(word: string) {
  const parsed = parseRuleWord(word);
  return parsed.ok ? parsed.value : parsed.problem.message;
}

function refused(word: string): string {
  const parsed = parseRuleWord(word);
  assert.ok(!parsed.ok, word);
  return parsed.problem.message;
}

test("a rule with options is one word, and the options are those of the file", () => {
  assert.equal(read("example.org:443"), "example.org:443");
  assert.deepEqual(read("bank.example:443+tls=same-name+quota=100MB/day+rate=1MB/s"), {
    to: "bank.example:443",
    tls: "same-name",
    quota: "100MB/day",
    rate: "1MB/s",
  });
  assert.deepEqual(read("*.example.org+private+deny"), { to: "*.example.org", private: "yes", answer: "deny" });
});

test("what is no option is refused with those that there are", () => {
  for (const word of ["a.example+", "a.example+privat", "a.example+private=yes", "a.example+tls", "a.example+=x"])
    assert.match(refused(word), /is none of tls=same-name, private, quota=100MB\/day, rate=1MB\/s, ask, deny/, word);
  assert.equal(read("a.example+ask+deny"), '"a.example+ask+deny" says answer twice');
  assert.match(refused("a.example+tls=other"), /same-name/);
  assert.match(refused("a.example+quota=lots"), /expected an amount such as 100 MB\/day/);
  assert.match(refused("https://a.example/"), /A rule names a host and a port/);
});

test("a rule as a word reads as the same rule", () => {
  const name = fc.constantFrom("a.example", "*.b.example", "a.example:443", "host:5432", "192.0.2.0/24:80");
  const option = fc.constantFrom(
    "tls=same-name",
    "private",
    "quota=100MB/day",
    "quota=1GiB/day",
    "rate=1500kB/s",
    "ask",
    "deny",
  );
  fc.assert(
    fc.property(
      name,
      fc.uniqueArray(option, { selector: (one) => one.split("=")[0]?.replace(/^(ask|deny)$/, "") }),
      (to, options) => {
        const parsed = parseRuleWord([to, ...options].join("+"));
        assert.ok(parsed.ok);
        const rule = toRule(parsed.value);
        const again = parseRuleWord(ruleWord(rule));
        assert.ok(again.ok);
        assert.deepEqual(toRule(again.value), rule);
      },
    ),
  );
});

test("whatever the word, it is read or refused in one line", () => {
  const word = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(..."abc.*:+=/0123 quotaprivedny") }));
  fc.assert(
    fc.property(word, (text) => {
      const parsed = parseRuleWord(text);
      if (!parsed.ok) assert.ok(!/[\n\u001b]/.test(parsed.problem.message), parsed.problem.message);
    }),
  );
});
