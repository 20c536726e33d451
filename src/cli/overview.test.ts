import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import test from "node:test";
import { COMMANDS } from "./app.ts";
import { overviewLines } from "./overview.ts";

test("the overview has each command once, in a section, with its sentence", () => {
  const lines = overviewLines(COMMANDS);
  for (const [name, { brief }] of Object.entries(COMMANDS)) {
    const found = lines.filter((line) => line.startsWith(`  ${name} `));
    assert.equal(found.length, 1, name);
    assert.ok(found[0]?.endsWith(brief), name);
  }
  const listed = lines.flatMap((line) => /^ {2}(?<name>\S+)/.exec(line)?.groups?.["name"] ?? []);
  assert.deepEqual(listed.toSorted(), Object.keys(COMMANDS).toSorted());
  assert.ok(!lines.includes("More"), "a command stands in no section of overview.ts");
});

test("the README names every command", () => {
  const text = readFileSync(`${dirname(dirname(import.meta.dirname))}/README.md`, "utf8");
  for (const name of Object.keys(COMMANDS)) assert.match(text, new RegExp(`\`${name}[ \`]`), name);
});
