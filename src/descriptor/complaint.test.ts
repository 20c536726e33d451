import assert from "node:assert/strict";
import { test } from "node:test";
import { complaintsAt, found, MAX_COMPLAINTS, showComplaint } from "./complaint.ts";

test("a complaint is shown with its place, the line it is about, and a caret", () => {
  const text = "skerry: deployment/1\nrecipe: viewer\nanswers: {}\nnetwrok: deny\n";
  const [complaint] = complaintsAt("viewer.yaml", text, [
    { offset: text.indexOf("netwrok"), message: 'netwrok: not a key of a deployment. Did you mean "network"?' },
  ]);
  assert.ok(complaint !== undefined);
  assert.equal(
    showComplaint(complaint, text),
    [
      'viewer.yaml:4:1: netwrok: not a key of a deployment. Did you mean "network"?',
      "    4 | netwrok: deny",
      "      | ^",
    ].join("\n"),
  );
  assert.equal(
    showComplaint(complaint),
    'viewer.yaml:4:1: netwrok: not a key of a deployment. Did you mean "network"?',
  );
});

test("what a text hides is shown as an escape, and the caret still stands below its place", () => {
  const text = "summary: \u202eab";
  const shown = showComplaint({ file: "\u001b[2J.yaml", line: 1, column: 11, message: "here" }, text);
  assert.equal(shown, "\\x1b[2J.yaml:1:11: here\n    1 | summary: \\u{202e}ab\n      |                  ^");
});

test("a long line is cut around the place", () => {
  const text = `${"a".repeat(5000)}!${"b".repeat(5000)}`;
  const [, line = "", caret = ""] = showComplaint({ file: "x", line: 1, column: 5001, message: "here" }, text).split(
    "\n",
  );
  assert.ok(line.length < 140);
  assert.equal(line[caret.indexOf("^")], "!");
});

test("complaints come in the order of the text, and never more than can be read", () => {
  const text = "\n".repeat(100);
  const findings = Array.from({ length: 100 }, (_, index) => ({ offset: 99 - index, message: "wrong" }));
  const complaints = complaintsAt("x", text, findings);
  assert.equal(complaints.length, MAX_COMPLAINTS);
  assert.deepEqual(
    complaints.slice(0, 3).map(({ line }) => line),
    [1, 2, 3],
  );
  assert.equal(complaints.at(-1)?.message, "51 more complaints are not shown");
});

test("what was found is said in a person's words", () => {
  assert.deepEqual([null, undefined, [], {}, "", "a", 1.5, true].map(found), [
    "nothing",
    "nothing",
    "a list",
    "a map",
    "an empty text",
    'the text "a"',
    "the number 1.5",
    "the word true",
  ]);
});
