import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { matchingFiles } from "./matching-files.ts";

const root = realpathSync(mkdtempSync(join(tmpdir(), "skerry-matching-")));
after(() => rmSync(root, { recursive: true }));

function tree(name: string, files: readonly string[]): string {
  const folder = `${root}/${name}`;
  mkdirSync(folder);
  for (const file of files) {
    mkdirSync(join(folder, file, ".."), { recursive: true });
    writeFileSync(`${folder}/${file}`, "");
  }
  return folder;
}

test("patterns mean plain files, as deep as they say", async () => {
  const folder = tree("plain", ["a.pdf", "b.pdf", ".c.pdf", "a.txt", "2026/x.csv", "2026/deep/y.csv", "2025/x.csv"]);
  const found = await matchingFiles(folder, ["*.pdf", "2026/*.csv"], []);
  assert.deepEqual(found, {
    files: ["2026/x.csv", "a.pdf", "b.pdf"],
    folders: [folder, `${folder}/2026`],
    more: false,
  });
  assert.deepEqual((await matchingFiles(folder, ["*/x.csv"], [])).files, ["2025/x.csv", "2026/x.csv"]);
  assert.deepEqual((await matchingFiles(folder, ["*/x.csv"], [`${folder}/2025`])).files, ["2026/x.csv"]);
});

test("a link is no file and no way, and neither is anything else that is no plain file", async () => {
  const outside = tree("outside", ["secret.pdf"]);
  const folder = tree("links", ["real.pdf"]);
  symlinkSync(`${outside}/secret.pdf`, `${folder}/link.pdf`);
  symlinkSync(outside, `${folder}/way`);
  mkdirSync(`${folder}/folder.pdf`);
  assert.equal(spawnSync("/usr/bin/mkfifo", [`${folder}/pipe.pdf`]).status, 0);
  assert.deepEqual((await matchingFiles(folder, ["*.pdf", "*/*.pdf"], [])).files, ["real.pdf"]);
  symlinkSync(folder, `${root}/to-links`);
  assert.deepEqual(
    (await matchingFiles(`${root}/to-links`, ["*.pdf"], [])).files,
    [],
    "the folder is given as it really is",
  );
});

test("names that are made to confuse are not matched", async () => {
  const folder = tree("odd", [
    "good.txt",
    "new\nline.txt",
    "escape\u001b[31m.txt",
    "turned\u202etxt.txt",
    "*.txt",
    "-rf.txt",
  ]);
  spawnSync("sh", ["-c", "printf x >\"$(printf 'bro\\377ken.txt')\""], { cwd: folder });
  assert.deepEqual((await matchingFiles(folder, ["*.txt"], [])).files, ["*.txt", "-rf.txt", "good.txt"]);
});

test("what is gone has no files, and too many are said to be", async () => {
  assert.deepEqual(await matchingFiles(`${root}/nowhere`, ["*"], []), { files: [], folders: [], more: false });
  const many = tree(
    "many",
    Array.from({ length: 1100 }, (_, index) => `${index}.txt`),
  );
  assert.ok((await matchingFiles(many, ["*.txt"], [])).more);
});
