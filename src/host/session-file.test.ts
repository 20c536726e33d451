import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { after, test } from "node:test";
import { replaceSessionFile } from "./session-file.ts";

const folder = mkdtempSync(`${tmpdir()}/session-file-`);
after(() => rmSync(folder, { recursive: true }));
const places = { units: `${folder}/units`, applications: `${folder}/applications` };
const unit = `${places.units}/skerry-x.service`;

const replace = async (path: string, before: string | undefined, content: string | undefined) =>
  (await replaceSessionFile({ kind: "replace-session-file", path, before, content }, places)).ok;

test("a session file is written, replaced and removed where it is as it was found", async () => {
  assert.ok(await replace(unit, undefined, "one"));
  assert.equal(readFileSync(unit, "utf8"), "one");
  assert.ok(!(await replace(unit, undefined, "two")));
  assert.ok(!(await replace(unit, "other", undefined)));
  assert.equal(readFileSync(unit, "utf8"), "one");
  assert.ok(await replace(unit, "one", "two"));
  assert.ok(await replace(unit, "two", undefined));
  assert.ok(!existsSync(unit));
});

test("a link in its place is not followed", async () => {
  mkdirSync(places.units, { recursive: true });
  writeFileSync(`${folder}/precious`, "mine");
  symlinkSync(`${folder}/precious`, unit);
  await assert.rejects(replace(unit, "mine", "theirs"), /ELOOP/);
  assert.equal(readFileSync(`${folder}/precious`, "utf8"), "mine");
});

test("no other place and no other name is written", async () => {
  const others = [
    `${places.units}/other.service`,
    `${places.units}/skerry-x.timer`,
    `${places.units}/skerry-../x.service`,
    `${places.units}/deeper/skerry-x.service`,
    `${folder}/skerry-x.service`,
    `${places.applications}/x.desktop`,
  ];
  for (const path of others) await assert.rejects(replace(path, undefined, "x"), /no session file/, path);
});
