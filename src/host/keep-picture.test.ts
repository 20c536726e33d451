import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { after, test } from "node:test";
import { keepPicture } from "./keep-picture.ts";

const folder = mkdtempSync(`${tmpdir()}/picture-`);
after(() => rmSync(folder, { recursive: true }));

const { signal } = new AbortController();
const printing = (text: string) => ["/usr/bin/printf", text];
const IMAGE = String.raw`\211PNG\r\n\032\nmore`;

test("a picture is kept as it was printed, under its name alone", async () => {
  assert.equal(await keepPicture(printing(IMAGE), `${folder}/a.png`, signal), undefined);
  assert.equal(readFileSync(`${folder}/a.png`, "latin1"), "\x89PNG\r\n\x1a\nmore");
  assert.deepEqual(readdirSync(folder), ["a.png"]);
});

test("what is no picture, or comes from a program that fails, is not kept, and its words are escaped", async () => {
  for (const argv of [
    printing("#!/bin/sh"),
    printing(""),
    ["/usr/bin/false"],
    ["/nowhere/program"],
    ["/bin/sh", "-c", `printf '${IMAGE}'; printf '\\033[2J' >&2; exit 1`],
  ]) {
    const problem = await keepPicture(argv, `${folder}/b.png`, signal);
    assert.match(problem?.text ?? "", /^no picture was taken: [\x20-\x7e]+$/);
  }
  assert.deepEqual(readdirSync(folder), ["a.png"]);
});

test("a file that is there stays as it is, and a folder that is not there is said", async () => {
  writeFileSync(`${folder}/a.png`, "mine");
  assert.match((await keepPicture(printing(IMAGE), `${folder}/a.png`, signal))?.text ?? "", /is there already/);
  assert.equal(readFileSync(`${folder}/a.png`, "utf8"), "mine");
  assert.match((await keepPicture(printing(IMAGE), `${folder}/none/a.png`, signal))?.text ?? "", /ENOENT/);
  assert.deepEqual(readdirSync(folder), ["a.png"]);
});
