import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { Grant } from "../model/index.ts";
import { type KeyPath, removeKey, setAnswer, setValue } from "./edit.ts";
import { type PlainData, type PlainMap, readYaml } from "./read-yaml.ts";

const HOME = { home: "/home/ada" };
const deny: Grant = { answer: "deny", folder: undefined, files: undefined, allow: undefined, rules: undefined };

const TEXT = `# my deployment
skerry: deployment/1   # version
recipe: ripgrep
answers:     # all of them
  # about folder
  folder: { answer: subset, folder: ~/src/thing, files: [a.txt,   b.pdf] } # f
  network: deny   # n
  block:
    answer: real  # r
    # inner
    folder:  ~/x
  lines: {
     answer: deny, # one
     folder: /a # two
  }
  # tail of answers

limits: {}
environment:
  A: "1"   # last`;

/** The text after an edit; every other line must be the same. */
function expectEdit(result: ReturnType<typeof setValue>, before: string, after: string): void {
  assert.ok(TEXT.includes(before), "the sample has changed");
  assert.deepEqual(result, { ok: true, value: TEXT.replace(before, after) });
}

test("a new answer takes the place of the old one, and nothing else moves", () => {
  expectEdit(
    setAnswer(TEXT, "x", "network", { ...deny, answer: "real", allow: ["lan"] }, HOME),
    "  network: deny   # n\n",
    "  network: { answer: real, allow: [lan] }   # n\n",
  );
  expectEdit(
    setAnswer(TEXT, "x", "folder", { ...deny, answer: "real", folder: "/home/ada/src/thing" }, HOME),
    "{ answer: subset, folder: ~/src/thing, files: [a.txt,   b.pdf] }",
    "{ answer: real, folder: ~/src/thing }",
  );
  expectEdit(
    setAnswer(TEXT, "x", "block", { ...deny, answer: "copy", folder: "/home/ada/x" }, HOME),
    "    answer: real  # r\n",
    "    answer: copy  # r\n",
  );
});

test("an answer that is already there leaves the text as it is", () => {
  const grant: Grant = {
    answer: "subset",
    folder: "/home/ada/src/thing",
    files: ["a.txt", "b.pdf"],
    allow: undefined,
    rules: undefined,
  };
  assert.deepEqual(setAnswer(TEXT, "x", "folder", grant, HOME), { ok: true, value: TEXT });
});

test("a new key gets a line of its own behind the last one", () => {
  expectEdit(
    setAnswer(TEXT, "x", "new", { ...deny, answer: "subset", folder: "/a", files: ["# a", "true", "x"] }, HOME),
    "     folder: /a # two\n  }\n",
    '     folder: /a # two\n  }\n  new: { answer: subset, folder: /a, files: ["# a", "true", x] }\n',
  );
  expectEdit(setValue(TEXT, "x", ["environment", "B"], "1"), 'A: "1"   # last', 'A: "1"   # last\n  B: "1"');
  expectEdit(setValue(TEXT, "x", ["program"], "rg"), 'A: "1"   # last', 'A: "1"   # last\nprogram: rg');
});

test("an empty map opens up, and missing maps are made", () => {
  expectEdit(setValue(TEXT, "x", ["limits", "memory"], "512 MiB"), "limits: {}\n", "limits:\n  memory: 512 MiB\n");
  assert.deepEqual(setAnswer("skerry: deployment/1\n", "x", "network", deny, HOME), {
    ok: true,
    value: "skerry: deployment/1\nanswers: { network: deny }\n",
  });
  assert.deepEqual(setAnswer("skerry: deployment/1\nanswers:\n", "x", "network", deny, HOME), {
    ok: true,
    value: "skerry: deployment/1\nanswers: { network: deny }\n",
  });
});

test("a key that is taken out leaves its comments behind", () => {
  expectEdit(removeKey(TEXT, "x", ["answers", "network"]), "  network: deny   # n\n", "  # n\n");
  expectEdit(
    removeKey(TEXT, "x", ["answers", "block"]),
    "  block:\n    answer: real  # r\n    # inner\n    folder:  ~/x\n",
    "  # r\n  # inner\n",
  );
  expectEdit(
    removeKey(TEXT, "x", ["answers", "lines", "folder"]),
    "     answer: deny, # one\n     folder: /a # two\n",
    "     # one\n     answer: deny # two\n",
  );
  expectEdit(removeKey(TEXT, "x", ["environment", "A"]), 'environment:\n  A: "1"   # last', "environment: {}   # last");
  assert.deepEqual(removeKey(TEXT, "x", ["answers", "absent"]), { ok: true, value: TEXT });
});

test("a text that cannot be read is not edited", () => {
  for (const text of ["", "[]", "a: [", "a: &x 1", "a: 1\na: 2"]) {
    assert.equal(setValue(text, "x", ["a"], 1).ok, false, text);
    assert.equal(removeKey(text, "x", ["a"]).ok, false, text);
  }
});

/** A tree with one way to write it: for each map, in lines or in brackets, with comments here and there. */
type Leaf = string | number | boolean | null;
interface Written {
  readonly lines: readonly string[];
}

const scalar: fc.Arbitrary<Leaf> = fc.oneof(
  fc.constantFrom<Leaf[]>(
    "deny",
    "a b",
    "~/x",
    "# no",
    "true",
    "",
    "it's",
    'say "hi"',
    "a: b",
    "é",
    "[x]",
    1,
    -2.5,
    true,
    null,
  ),
);
const key = fc.constantFrom("a", "b", "c", "folder", "answers", "on", "k y", "1x");
const tree: fc.Arbitrary<PlainMap> = fc.letrec<{ map: PlainMap; value: PlainData }>((tie) => ({
  map: fc.dictionary(key, tie("value"), { minKeys: 1, maxKeys: 4, noNullPrototype: true }),
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    scalar,
    fc.array(scalar, { maxLength: 3 }),
    tie("map"),
    fc.constant({}),
  ),
})).map;

function isMap(data: PlainData | undefined): data is PlainMap {
  return typeof data === "object" && data !== null && !Array.isArray(data);
}

/** Writes a tree in a layout that is chosen by the numbers in `dice`, one after the other. */
function layOut(tree: PlainMap, dice: readonly number[]): string {
  let thrown = 0;
  const roll = (sides: number) => (dice[thrown++ % dice.length] ?? 0) % sides;
  const remark = () => (roll(4) === 0 ? ` # remark ${thrown}` : "");
  const quoted = (leaf: Leaf | string) =>
    typeof leaf === "string" && roll(2) === 0 ? `'${leaf.replaceAll("'", "''")}'` : JSON.stringify(leaf);
  const inBrackets = (data: PlainData, indent: string): string => {
    if (Array.isArray(data))
      return `[${data.map((item) => inBrackets(item, indent)).join(roll(2) === 0 ? ", " : ",  ")}]`;
    if (typeof data !== "object" || data === null) return quoted(data);
    const pairs = Object.entries(data).map(([key, value]) => `${quoted(key)}: ${inBrackets(value, indent)}`);
    if (pairs.length === 0 || roll(3) > 0)
      return `{${pairs.join(", ")}${pairs.length > 0 && roll(4) === 0 ? "," : ""}}`;
    return `{\n${pairs.map((pair) => `${indent}  ${pair},${remark()}\n`).join("")}${indent}}`;
  };
  const inLines = (data: PlainMap, indent: string): Written => ({
    lines: Object.entries(data).flatMap(([key, value]) => {
      const name = /^[a-z]+$/.test(key) && roll(2) === 0 ? key : quoted(key);
      const above = roll(5) === 0 ? [`${indent}# above ${thrown}`] : roll(8) === 0 ? [""] : [];
      if (isMap(value) && Object.keys(value).length > 0 && roll(3) > 0) {
        return [
          ...above,
          `${indent}${name}:${remark()}`,
          ...inLines(value, `${indent}${" ".repeat(1 + roll(3))}`).lines,
        ];
      }
      if (Array.isArray(value) && value.length > 0 && roll(2) === 0) {
        return [
          ...above,
          `${indent}${name}:${remark()}`,
          ...value.map((item) => `${indent}  - ${inBrackets(item, "")}${remark()}`),
        ];
      }
      if (value === null && roll(2) === 0) return [...above, `${indent}${name}:${remark()}`];
      if (typeof value === "string" && value !== "" && roll(4) === 0)
        return [...above, `${indent}${name}: >-${remark()}`, `${indent}  ${value}`];
      return [...above, `${indent}${name}: ${inBrackets(value, `${indent}  `)}${remark()}`];
    }),
  });
  return `${inLines(tree, "").lines.join("\n")}${roll(3) === 0 ? "" : "\n"}`;
}

const layout = fc.array(fc.nat({ max: 119 }), { minLength: 40, maxLength: 40 });
const path = fc.array(key, { minLength: 1, maxLength: 3 }).map(([first = "a", ...rest]): KeyPath => [first, ...rest]);

function dataOf(text: string): PlainMap {
  const yaml = readYaml(text, "x");
  if (yaml.ok && isMap(yaml.value.data)) return yaml.value.data;
  if (yaml.ok) return {};
  throw new Error(`${yaml.problem.complaints.map(({ line, message }) => `${line}: ${message}`).join("\n")}\n${text}`);
}

function commentsIn(text: string): readonly string[] {
  const yaml = readYaml(text, "x");
  return yaml.ok ? yaml.value.comments.map(({ start, end }) => text.slice(start, end).trimEnd()).toSorted() : [];
}

/** Independent of the code under test: what the data must be after the edit. */
function changed(data: PlainMap, [first, ...rest]: readonly string[], value: PlainData | undefined): PlainMap {
  const copy: Record<string, PlainData> = { ...data };
  if (first === undefined) return copy;
  const before = copy[first];
  const inner = isMap(before) ? before : undefined;
  if (rest.length > 0) {
    if (value === undefined && inner === undefined) return copy;
    copy[first] = changed(inner ?? {}, rest, value);
  } else if (value === undefined) delete copy[first];
  else copy[first] = value;
  return copy;
}

/** True where every line stands in the text, in order. */
function inOrder(lines: readonly string[], text: string): boolean {
  let next = 0;
  for (const line of text.split("\n")) if (line === lines[next]) next += 1;
  return next === lines.length;
}

/** The lines that an edit below a key of the root has no business with: those of all other keys of the root. */
function foreignLines(text: string, first: string): readonly string[] {
  const lines = text.replace(/\n$/, "").split("\n");
  const isStart = (line: string) => /^[^\s#}]/.test(line);
  const isOurs = (line: string) => [first, `"${first}"`, `'${first}'`].some((name) => line.startsWith(`${name}:`));
  const start = lines.findIndex(isOurs);
  if (start === -1) return lines;
  const length = lines.slice(start + 1).findIndex(isStart);
  return length === -1 ? lines.slice(0, start) : [...lines.slice(0, start), ...lines.slice(start + 1 + length)];
}

test("setting any value in any layout changes that value, keeps all comments, and leaves foreign lines alone", () => {
  fc.assert(
    fc.property(
      tree,
      layout,
      path,
      fc.oneof(scalar, fc.array(scalar, { maxLength: 3 }), tree),
      (tree, dice, path, value) => {
        const text = layOut(tree, dice);
        assert.deepEqual(dataOf(text), tree, "the test itself writes what it means");
        const edited = setValue(text, "x", path, value);
        assert.ok(edited.ok);
        assert.deepEqual(dataOf(edited.value), changed(tree, path, value), edited.value);
        assert.deepEqual(commentsIn(edited.value), commentsIn(text), edited.value);
        assert.ok(inOrder(foreignLines(text, path[0]), edited.value), `${text}\n---\n${edited.value}`);
      },
    ),
    { numRuns: 2000 },
  );
});

test("taking out any key in any layout takes out that key, keeps all comments, and leaves foreign lines alone", () => {
  fc.assert(
    fc.property(tree, layout, path, (tree, dice, path) => {
      const text = layOut(tree, dice);
      if (path.length === 1 && Object.keys(tree).length === 1) return;
      const edited = removeKey(text, "x", path);
      assert.ok(edited.ok);
      assert.deepEqual(dataOf(edited.value), changed(tree, path, undefined), edited.value);
      assert.deepEqual(commentsIn(edited.value), commentsIn(text), edited.value);
      assert.ok(inOrder(foreignLines(text, path[0]), edited.value), `${text}\n---\n${edited.value}`);
    }),
    { numRuns: 2000 },
  );
});
