/** What is built can be looked at: each change of a file is named, and shared files take room once. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { appendFileSync, chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import {
  type Archive,
  type BuildTrial,
  makeArchive,
  makeBuildTrial,
  NO_GPG,
} from "../hostile/packages/archive.fixture.ts";

let archive: Archive;
let trial: BuildTrial;

const SHARED = "shared by both\n".repeat(5000);

const options = { skip: NO_GPG };

before(async () => {
  if (NO_GPG !== false) return;
  const folder = { name: "./opt/", type: "5", mode: 0o755 } as const;
  archive = await makeArchive([
    {
      name: "one",
      files: [folder, { name: "./opt/one", content: "one" }, { name: "./opt/common-one", content: SHARED }],
    },
    {
      name: "two",
      files: [
        folder,
        { name: "./opt/two", content: "two" },
        { name: "./opt/common-two", content: SHARED },
        { name: "./opt/common-other-mode", content: SHARED, mode: 0o755 },
        { name: "./opt/odd \u001b[31m name", content: "odd" },
      ],
    },
  ]);
  trial = makeBuildTrial(archive);
  for (const name of ["one", "two"]) {
    trial.recipe(name, [name]);
    const built = await trial.skerry(["build", name]);
    assert.equal(built.code, 0, built.stderr);
  }
});

after(async () => {
  if (NO_GPG !== false) return;
  await trial.close();
  await archive.close();
});

function folderOf(name: string): string {
  const image: { readonly layers: readonly string[] } = JSON.parse(
    readFileSync(`${trial.home}/data/images/${name}.json`, "utf8"),
  );
  return `${trial.home}/data/store/layers/${image.layers.at(-1)}`;
}

const inode = (path: string) => spawnSync("/usr/bin/stat", ["-c", "%i", path], { encoding: "utf8" }).stdout.trim();

test("equal files of two layers are one file on the disk, and files of another mode are not", options, () => {
  const first = inode(`${folderOf("one")}/fs/opt/common-one`);
  assert.match(first, /^\d+$/);
  assert.equal(inode(`${folderOf("two")}/fs/opt/common-two`), first);
  assert.notEqual(inode(`${folderOf("two")}/fs/opt/common-other-mode`), first);
});

test("own and shared bytes add up to what the disk says", options, async () => {
  const { stdout } = await trial.skerry(["images", "--json"]);
  const images: { readonly ownBytes?: number; readonly sharedBytes?: number }[] = JSON.parse(stdout);
  assert.equal(images.length, 2);
  const paths = ["one", "two"].map(folderOf);
  const base: { readonly layers: readonly string[] } = JSON.parse(
    readFileSync(`${trial.home}/data/images/one.json`, "utf8"),
  );
  paths.push(`${trial.home}/data/store/layers/${base.layers[0]}/`);
  const own = images.reduce((sum, { ownBytes = 0 }) => sum + ownBytes, 0);
  const [shared = 0, again] = images.map(({ sharedBytes = 0 }) => sharedBytes);
  assert.equal(again, shared, "two images share the same with each other");
  const words = ["--user", "--map-auto", "--map-root-user", "du", "-s", "-c", "-B1", "-D", ...paths];
  const du =
    process.getuid?.() === 0
      ? spawnSync("/usr/bin/du", words.slice(4), { encoding: "utf8" })
      : spawnSync("/usr/bin/unshare", words, { encoding: "utf8" });
  assert.equal(own + shared, Number(/^(\d+)\ttotal$/m.exec(du.stdout)?.[1]), du.stderr);
});

test("an image that nobody touched is whole", options, async () => {
  const ended = await trial.skerry(["images", "verify"]);
  assert.equal(ended.code, 0, ended.stdout);
  assert.match(ended.stdout, /^one: whole \(2 layers, .*\)\ntwo: whole/);
});

test("a changed, a missing and an extra file are each named, and the base is not blamed", options, async () => {
  const fs = `${folderOf("two")}/fs`;
  rmSync(`${fs}/opt/two`);
  writeFileSync(`${fs}/opt/more\u001b[2J`, "more");
  chmodSync(`${fs}/opt/common-other-mode`, 0o4755);
  const ended = await trial.skerry(["images", "verify", "two"]);
  assert.equal(ended.code, 1);
  assert.match(ended.stdout, /missing \/opt\/two \(layer two\)/);
  assert.match(ended.stdout, /extra {3}\/opt\/more\\x1b\[2J/);
  assert.match(ended.stdout, /changed \/opt\/common-other-mode: mode/);
  assert.doesNotMatch(ended.stdout, /layer base/);
  const json = await trial.skerry(["images", "verify", "two", "--json"]);
  assert.equal(json.code, 1, json.stderr);
  const [image] = JSON.parse(json.stdout);
  assert.equal(image.whole, undefined);
  assert.equal(image.layers[1].state, "changed");
  const { stdout } = await trial.skerry(["audit", "--json"]);
  assert.match(stdout, /"kind":"verify"/);
});

test("a file that two images share is spoilt in both, and named in both", options, async () => {
  appendFileSync(`${folderOf("one")}/fs/opt/common-one`, "spoilt");
  const ended = await trial.skerry(["images", "verify"]);
  assert.match(ended.stdout, /changed \/opt\/common-one: content, time/);
  assert.match(ended.stdout, /changed \/opt\/common-two: content, time/);
});

test("a spoilt file is not handed on to layers that are built later", options, async () => {
  trial.recipe("three", ["one", "two"]);
  assert.equal((await trial.skerry(["build", "three"])).code, 0);
  const ended = await trial.skerry(["images", "verify", "three"]);
  assert.equal(ended.code, 0, ended.stdout);
});

test("a list of files that was changed to fit is found by the digest", options, async () => {
  const files = `${folderOf("three")}/files`;
  const lines = readFileSync(files, "utf8");
  writeFileSync(files, lines.replace(/^f\t.*opt\/one\t.*\n/m, ""));
  rmSync(`${folderOf("three")}/fs/opt/one`);
  const ended = await trial.skerry(["images", "verify", "three"]);
  assert.equal(ended.code, 1);
  assert.match(ended.stdout, /the list of files of layer three was changed/);
  writeFileSync(files, "nonsense\n");
  const spoilt = await trial.skerry(["images", "verify", "three"]);
  assert.equal(spoilt.code, 1);
  assert.match(spoilt.stdout, /the list of files of layer three was changed/);
});

test("an image that is not there is told with the one that was meant", options, async () => {
  const ended = await trial.skerry(["images", "verify", "thre"]);
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /there is no image of "thre"\. Did you mean "three"\?/);
});
