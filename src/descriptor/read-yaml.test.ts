import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { isPrintable } from "../model/index.ts";
import { parseDeployment } from "./deployment.ts";
import { removeKey, setValue } from "./edit.ts";
import { MAX_DEPTH, MAX_NODES, MAX_TEXT_BYTES, offsetOf, readYaml } from "./read-yaml.ts";
import { parseRecipe } from "./recipe.ts";

function refusals(text: string): readonly string[] {
  const yaml = readYaml(text, "x");
  return yaml.ok ? [] : yaml.problem.complaints.map(({ line, column, message }) => `${line}:${column}: ${message}`);
}

test("plain maps, lists and scalars of both layouts are read", () => {
  const yaml = readYaml('---\na: [1, -2.5, true, null, ~]\nb:\n  - "x"\n  - y z\nc: no\n', "x");
  assert.ok(yaml.ok);
  assert.deepEqual(yaml.value.data, { a: [1, -2.5, true, null, null], b: ["x", "y z"], c: "no" });
});

test("a text is refused for its size before anything else looks at it", () => {
  assert.deepEqual(refusals(`a: ${"x".repeat(MAX_TEXT_BYTES - 3)}`), []);
  // Time of the processor, however busy the machine is.
  const before = process.cpuUsage();
  assert.match(refusals("[".repeat(10 * 2 ** 20)).join(), /^1:1: the text is larger than 256 KiB/);
  assert.match(refusals("é".repeat(MAX_TEXT_BYTES / 2 + 1)).join(), /^1:1: the text is larger than 256 KiB/);
  assert.ok(process.cpuUsage(before).user < 5_000_000);
});

test("depth and number of values have limits that hold at their edges", () => {
  const deep = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;
  assert.deepEqual(refusals(deep(MAX_DEPTH)), []);
  assert.deepEqual(refusals(deep(MAX_DEPTH + 1)), [`1:17: nested more than ${MAX_DEPTH} levels deep`]);
  const many = (values: number) => `[${"1,".repeat(values)}]`;
  assert.deepEqual(refusals(many(MAX_NODES - 1)), []);
  assert.match(refusals(many(MAX_NODES)).join(), /more than 10000 values/);
});

test("values that are written as nothing at all count, too", () => {
  assert.match(refusals("-\n".repeat(MAX_NODES)).join(), /more than 10000 values/);
});

test("a complaint points at the value, else at its key, else at what holds it", () => {
  const text = "a: 1\nb: { c: x, d: }\ne: [1, 2]\n";
  const yaml = readYaml(text, "x");
  assert.ok(yaml.ok);
  const { document } = yaml.value;
  const at = (path: readonly (string | number)[], part: "key" | "value") =>
    text.slice(offsetOf(document, path, part)).slice(0, 1);
  assert.equal(at(["b", "c"], "value"), "x");
  assert.equal(at(["b", "c"], "key"), "c");
  assert.equal(at(["b", "d"], "value"), "d");
  assert.equal(at(["b", "absent"], "value"), "b");
  assert.equal(at(["e", 1], "value"), "2");
  assert.equal(at(["absent"], "value"), "a");
});

const FRAGMENTS =
  "skerry: recipe/1\n|skerry: deployment/1\n|summary: x\n|packages: [|]|{|}|, |: |- |? |\n|\n  |\n    |#|# c\n| |  |'|\"|&a |*a|!t |<<: |---\n|...\n" +
  "|%YAML 1.2\n|>-\n|\\|\n|~|null|1|programs|requests|answers|limits|folder|a: b|: [|: {|\\|+2\n|\t|\u202e|é|\u{1f600}|@|`|%";

test("no text whatever makes a reading or an edit throw, and each refusal is one printable line", () => {
  const fragment = fc.constantFrom(...FRAGMENTS.split("|").map((part) => part.replace("\\", "|")));
  const text = fc.oneof(
    fc.array(fragment, { maxLength: 40 }).map((parts) => parts.join("")),
    fc.string({ unit: "binary" }),
  );
  fc.assert(
    fc.property(text, (text) => {
      const source = { file: "x", name: "x" };
      const results = [
        parseRecipe(text, source),
        parseRecipe(`skerry: recipe/1\n${text}`, source),
        parseDeployment(`skerry: deployment/1\nrecipe: x\n${text}`, source, { home: "/h" }),
        setValue(text, "x", ["answers", "folder"], { answer: "deny" }),
        setValue(text, "x", ["a"], "b"),
        removeKey(text, "x", ["answers"]),
        removeKey(text, "x", ["a", "b"]),
      ];
      for (const result of results) {
        if (result.ok) continue;
        assert.ok(result.problem.complaints.length > 0);
        for (const { message } of result.problem.complaints) assert.ok(isPrintable(message), message);
      }
    }),
    { numRuns: 3000 },
  );
});
