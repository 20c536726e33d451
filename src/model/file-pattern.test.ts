import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { filePatternFault, matchesPart, mayMeet, pickedFiles, splitPattern } from "./file-pattern.ts";

test("a star stands for any characters of one part, a question mark for one, all else for itself", () => {
  for (const [pattern, name] of [
    ["*.pdf", "a.pdf"],
    ["*", "a"],
    ["a*", "a"],
    ["*a*b*", "xxaxxbxx"],
    ["?.txt", "\u{1f600}.txt"],
    ["[ab].{x,y}\\*", "[ab].{x,y}\\z"],
    [".*", ".profile"],
    ["2026", "2026"],
  ] as const)
    assert.ok(matchesPart(pattern, name), `${pattern} ${name}`);
  for (const [pattern, name] of [
    ["*.pdf", "a.pdf.exe"],
    ["*.pdf", ".pdf"],
    ["*", ".profile"],
    ["?profile", ".profile"],
    ["??", "a"],
    ["*a*b*", "bba"],
    ["[ab]*", "a"],
    ["A*", "a"],
    ["*.txt", "a\n.txt"],
    ["*.txt", "a\u202etxt.txt"],
    ["*.txt", "\ufffd\ud800.txt"],
  ] as const)
    assert.equal(matchesPart(pattern, name), false, `${pattern} ${name}`);
});

/** Few characters, so that they meet often. */
const word = (characters: string) => fc.string({ unit: fc.constantFrom(...characters), maxLength: 12 });

test("it matches what a regular expression of the same meaning does", () => {
  fc.assert(
    fc.property(word("ab.*?"), word("ab."), (pattern, name) => {
      fc.pre(pattern !== "" && name !== "" && /[*?]/.test(pattern));
      const source = pattern.replaceAll(/[.*?]/g, (one) => (one === "*" ? ".*" : one === "?" ? "." : "\\."));
      const hidden = name.startsWith(".") && !pattern.startsWith(".");
      assert.equal(matchesPart(pattern, name), !hidden && new RegExp(`^${source}$`).test(name));
    }),
    { numRuns: 2000 },
  );
});

test("a pattern meets whatever lies on the way to a match, and nothing below one", () => {
  assert.ok(mayMeet(["*", "x.csv"], ["2026"]));
  assert.ok(mayMeet(["*", "x.csv"], ["2026", "x.csv"]));
  assert.equal(mayMeet(["*", "x.csv"], ["2026", "y.csv"]), false);
  assert.equal(mayMeet(["*.pdf"], ["a.pdf", "below"]), false);
});

test("the folder of a pattern ends before its first star", () => {
  assert.deepEqual(splitPattern("2026/*/a.csv"), { folder: ["2026"], rest: ["*", "a.csv"] });
  assert.deepEqual(splitPattern("*.pdf"), { folder: [], rest: ["*.pdf"] });
});

test("what is no pattern says why", () => {
  assert.match(filePatternFault("a/**/b") ?? "", /one "\*" for each part/);
  assert.match(filePatternFault("*a*a*a*a*a*a*a*a*") ?? "", /at most 8/);
  assert.match(filePatternFault(`${"x/".repeat(16)}*`) ?? "", /at most 16 parts/);
  assert.equal(filePatternFault("2026/*.csv"), undefined);
});

test("a file that is named by its owner as an argument is no pattern, whatever its name", () => {
  assert.deepEqual(pickedFiles({ files: ["a*.txt"] }), ["a*.txt"]);
  assert.deepEqual(pickedFiles({ files: ["a*.txt", "b"], found: ["ax.txt", "b"] }), ["b", "ax.txt"]);
});
