import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { type TestContext, test } from "node:test";
import { readUpper } from "./upper-folder.ts";

function makeFolder(context: TestContext): string {
  const folder = mkdtempSync(`${tmpdir()}/skerry-upper-`);
  context.after(() => {
    chmodSync(`${folder}/shut`, 0o700);
    rmSync(folder, { recursive: true });
  });
  mkdirSync(`${folder}/shut`);
  writeFileSync(`${folder}/shut/x`, "x");
  mkdirSync(`${folder}/a`);
  writeFileSync(Buffer.from(`${folder}/a/\xff`, "latin1"), "x".repeat(5000));
  symlinkSync("/etc", `${folder}/link`);
  return folder;
}

test("everything is counted once, names are bytes, and no link is followed", async (context) => {
  const folder = makeFolder(context);
  const found = await readUpper(folder, 100, true);
  assert.deepEqual(found.paths.toSorted(), ["a", "a/\xff", "link", "shut", "shut/x"]);
  assert.deepEqual([found.files, found.cut], [3, false]);
  assert.ok(found.bytes >= 5000);
});

test("what is not looked at is said: beyond a limit, and in a folder that is shut", async (context) => {
  const folder = makeFolder(context);
  assert.equal((await readUpper(folder, 2, false)).cut, true);
  assert.deepEqual(await readUpper(`${folder}/none`, 2, false), { paths: [], files: 0, bytes: 0, cut: false });
  if (process.getuid?.() === 0) return;
  chmodSync(`${folder}/shut`, 0);
  assert.equal((await readUpper(folder, 100, false)).cut, true);
});
