/**
 * Hostile descriptors: each text here is refused, with a complaint that a person understands.
 *
 * A file's name begins with its format, and ends so that no tool mends what is wrong in it. What is said of it stands in
 * complaints.txt, one line for each file, so that a change of words is seen. After a change that is meant:
 * `UPDATE_COMPLAINTS=1 node --test tests/hostile/descriptors/descriptors.test.ts`.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import {
  parseBase,
  parseComponent,
  parseDeployment,
  parseFacts,
  parseMirrors,
  parseRecipe,
  parseSettings,
  showComplaint,
} from "../../../src/descriptor/index.ts";
import { isPrintable } from "../../../src/model/index.ts";

const HERE = new URL("./", import.meta.url);
const FILES = readdirSync(HERE).filter((file) => file.endsWith(".yaml.txt"));

function read(file: string, text: string) {
  const source = { file, name: "x" };
  const format = file.split(".", 1)[0];
  if (format === "recipe") return parseRecipe(text, source);
  if (format === "deployment") return parseDeployment(text, source, { home: "/home/ada" });
  if (format === "base") return parseBase(text, source);
  if (format === "component") return parseComponent(text, source);
  if (format === "mirrors") return parseMirrors(text, source);
  if (format === "settings") return parseSettings(text, source);
  if (format === "facts") return parseFacts(text, source);
  throw new Error(`${file} begins with no format`);
}

/** What is said about a text, after the checks that hold for every refusal. */
function refusal(file: string, text: string): readonly string[] {
  const result = read(file, text);
  assert.ok(!result.ok, `${file} was let in`);
  const { complaints } = result.problem;
  assert.ok(complaints.length > 0 && complaints.length <= 50, file);
  for (const complaint of complaints) {
    assert.ok(complaint.line >= 1 && complaint.column >= 1, file);
    for (const line of showComplaint(complaint, text).split("\n")) {
      assert.ok(isPrintable(line), `${file} put something unprintable on the screen`);
      assert.ok(line.length < 500, `${file} put a very long line on the screen`);
    }
  }
  return complaints.map((complaint) => showComplaint(complaint));
}

test("every hostile file is refused in the words that are written down", () => {
  assert.ok(FILES.length > 100, "the files were not found");
  const said = FILES.toSorted()
    .map((file) => `${refusal(file, readFileSync(new URL(file, HERE), "utf8"))[0]}\n`)
    .join("");
  const golden = new URL("complaints.txt", HERE);
  if (process.env["UPDATE_COMPLAINTS"] === "1") writeFileSync(golden, said);
  assert.equal(said, readFileSync(golden, "utf8"));
});

const HEAD = "skerry: recipe/1\nsummary: x\npackages: [ripgrep]\nprograms: { rg: /usr/bin/rg }\n";

/** Texts that are hostile by their size: made here, so that nobody has to keep them. */
const LARGE: Readonly<Record<string, string>> = {
  "ten megabytes": `${HEAD}# ${"x".repeat(10 * 2 ** 20)}`,
  "ten megabytes of brackets": "[".repeat(10 * 2 ** 20),
  "open lists": "[".repeat(200_000),
  "nested lists": `${HEAD}requests: ${"[".repeat(5000)}${"]".repeat(5000)}\n`,
  "nested maps": `${HEAD}requests: ${"{ a: ".repeat(2000)}1${" }".repeat(2000)}\n`,
  "nested keys": "a: ".repeat(80_000),
  "nested dashes": `${"- ".repeat(100_000)}x\n`,
  "nested lines": `${HEAD}requests:\n${Array.from({ length: 700 }, (_, index) => `${" ".repeat(index + 1)}a:\n`).join("")}`,
  "many dashes": "-\n".repeat(100_000),
  "many brackets": "]".repeat(200_000),
  "many commas": `{${",".repeat(200_000)}}`,
  "many comments": `${"#\n".repeat(120_000)}${HEAD}`,
  "many line ends": `${HEAD}${"\n".repeat(250_000)}`,
  "many documents": "---\n".repeat(50_000),
  "many values": HEAD.replace("ripgrep", "a1,".repeat(80_000)),
  "many keys": `skerry: recipe/1\n${Array.from({ length: 4900 }, (_, index) => `k${index}: 1\n`).join("")}`,
  "many wrong names": `${HEAD}requests:\n${Array.from({ length: 2000 }, (_, index) => `  K${index}: 1\n`).join("")}`,
  "a long name": HEAD.replace("ripgrep", "a".repeat(250_000)),
  "a long unknown key": `${HEAD}? ${"a".repeat(250_000)}\n`,
  "a long quoted key": `${HEAD}"${"a".repeat(250_000)}": 1\n`,
  "a long path": HEAD.replace("/usr/bin/rg", `/${"a/".repeat(120_000)}`),
  "a long size": `skerry: recipe/1\nsummary: "${"1".repeat(250_000)}"\n`,
  "an open quote": `"${"a".repeat(250_000)}`,
  "a line of control characters": `${HEAD}${"\u0001".repeat(250_000)}`,
  "lines of control characters": `${HEAD}${"\u0001\n".repeat(120_000)}`,
  "a long number": `skerry: ${"9".repeat(250_000)}\n`,
};

/** What is not bounded takes minutes. Time of the processor: how busy the machine is makes no difference. */
function inBoundedTime<Value>(act: () => Value): Value {
  const before = process.cpuUsage();
  const value = act();
  const { user, system } = process.cpuUsage(before);
  assert.ok(user + system < 10_000_000, `took ${user + system} microseconds`);
  return value;
}

for (const [what, text] of Object.entries(LARGE)) {
  test(`refused in bounded time: ${what}`, () => {
    inBoundedTime(() => refusal("recipe.large", text));
  });
}

test("line ends of another system are refused, line by line", () => {
  // Not a file: tools that copy or format texts would mend it.
  assert.deepEqual(refusal("recipe.ends", "skerry: recipe/1\r\nsummary: x\r"), [
    "recipe.ends:1:17: a carriage return. Save the file with line ends of Unix",
    "recipe.ends:2:11: a carriage return. Save the file with line ends of Unix",
  ]);
});

test("a text of ten megabytes is refused at once", () => {
  const text = LARGE["ten megabytes of brackets"] ?? "";
  const complaints = inBoundedTime(() => refusal("recipe.large", text));
  assert.deepEqual(complaints, [
    "recipe.large:1:1: the text is larger than 256 KiB. A descriptor holds settings, not content",
  ]);
});

test("a mirror's address that is very long is refused in bounded time", () => {
  const address = `http://${"a".repeat(120_000)}-`;
  inBoundedTime(() => {
  refusal("mirrors.large", `skerry: mirrors/1\nproxy: ${address}\nmirrors: { "http://a.example": "${address}" }\n`);
  refusal("facts.large", `skerry: facts/1\ntimeZone: ${"a/".repeat(100_000)}\n`);
  });
});
