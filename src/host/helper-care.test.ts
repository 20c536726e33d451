import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { type TestContext, test } from "node:test";
import { HelperCare } from "./helper-care.ts";
import { helperPath } from "../model/index.ts";
import { runProgram } from "./run-program.ts";

const SKIP = (await runProgram(["/usr/bin/cc", "--version"])).ok ? false : "cannot here: no C compiler is installed";

function program(context: TestContext, text: string) {
  const folder = mkdtempSync(`${tmpdir()}/skerry-care-`);
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(`${folder}/helper`);
  const source = `${folder}/helper/main.c`;
  writeFileSync(source, text);
  return { folder, source };
}

const main = (code: number) => `int main(void) { return ${code}; }\n`;

test("a helper that is older than its sources is built, once, and by one caller for all", {
  skip: SKIP,
}, async (context) => {
  const { folder, source } = program(context, main(3));
  const said: string[] = [];
  const care = new HelperCare(folder, "/usr/bin/cc", (line) => said.push(line));
  const states = await Promise.all([care.state(), care.state()]);
  const built = { kind: "built", path: helperPath(folder) };
  assert.deepEqual(states, [built, built]);
  assert.equal(said.length, 1);
  assert.equal((await care.state()).kind, "built");
  assert.equal(said.length, 1);
  // Same size, and a time that was set back: neither hides the change.
  writeFileSync(source, main(4));
  utimesSync(source, 1, 1);
  assert.equal((await care.state()).kind, "built");
  assert.equal(said.length, 2);
  const end = await runProgram([helperPath(folder)]);
  assert.equal(end.ok && end.value.code, 4);
});

test("without a compiler it stays as it is, and is called old", { skip: SKIP }, async (context) => {
  const { folder, source } = program(context, main(3));
  await new HelperCare(folder, "/usr/bin/cc", () => {}).state();
  writeFileSync(source, main(4));
  const before = readFileSync(helperPath(folder));
  const care = new HelperCare(folder, undefined, () => assert.fail("said something"));
  assert.deepEqual(await care.state(), { kind: "stale", path: helperPath(folder), writable: true });
  assert.deepEqual(readFileSync(helperPath(folder)), before);
});

test("a build that fails is told, and tried again only when a source has changed", { skip: SKIP }, async (context) => {
  const { folder, source } = program(context, "int main(void) { return wrong; }\n");
  const said: string[] = [];
  const care = new HelperCare(folder, "/usr/bin/cc", (line) => said.push(line));
  assert.equal((await care.state()).kind, "stale");
  assert.match(said.join("\n"), /it cannot be built: [^]*wrong/);
  assert.equal((await care.state()).kind, "stale");
  assert.equal(said.length, 2);
  writeFileSync(source, main(0));
  assert.equal((await care.state()).kind, "built");
});

test("where the folder is somebody else's, nothing is built", {
  skip: SKIP || process.getuid?.() === 0 ? "cannot here: root may write everywhere" : false,
}, async (context) => {
  const { folder } = program(context, main(0));
  chmodSync(`${folder}/helper`, 0o555);
  const care = new HelperCare(folder, "/usr/bin/cc", () => assert.fail("said something"));
  const state = await care.state();
  // So that it can be removed.
  chmodSync(`${folder}/helper`, 0o755);
  assert.deepEqual(state, { kind: "stale", path: helperPath(folder), writable: false });
});
