import assert from "node:assert/strict";
import { test } from "node:test";
import { keyLines } from "./key-lines.ts";

const TEXT = `skerry: deployment/1
recipe: x # a comment
answers:
  docs: { answer: real, folder: ~/a }

  web:
    answer: subset
    allow:
      - example.org:443
      - { to: lan }
links: [{ to: db },
  { to: web }]
`;

test("each key and each entry of a list has its line", () => {
  const line = keyLines(TEXT, "x.yaml");
  assert.equal(line(["answers"]), 3);
  assert.equal(line(["answers", "docs"]), 4);
  assert.equal(line(["answers", "docs", "folder"]), 4);
  assert.equal(line(["answers", "web"]), 6);
  assert.equal(line(["answers", "web", "allow", 1]), 10);
  assert.equal(line(["answers", "web", "allow", 1, "to"]), 10);
  assert.equal(line(["links", 1]), 12);
});

test("what is not there has none, and neither has a text that cannot be read", () => {
  const line = keyLines(TEXT, "x.yaml");
  assert.equal(line(["answers", "other"]), undefined);
  assert.equal(line(["links", 2]), undefined);
  assert.equal(line(["answers", "docs", "answer", 0]), undefined);
  assert.equal(keyLines("a: [", "x.yaml")(["a"]), undefined);
});
