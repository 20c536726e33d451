/** Purges: what goes can be built again without a network to the same digest; what runs, is kept or is data stays. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import {
  type Archive,
  type BuildTrial,
  makeArchive,
  makeBuildTrial,
  NO_GPG,
} from "../hostile/packages/archive.fixture.ts";
import { endOf } from "./trial.fixture.ts";

let archive: Archive;
let trial: BuildTrial;

const options = { skip: NO_GPG };

before(async () => {
  if (NO_GPG !== false) return;
  archive = await makeArchive(
    ["one", "two"].map((name) => ({ name, files: [{ name: `./${name}`, content: name.repeat(100_000) }] })),
  );
  trial = makeBuildTrial(archive);
  for (const name of ["one", "two"]) sleeper(name);
});

after(async () => {
  if (NO_GPG !== false) return;
  await trial.close();
  await archive.close();
});

/** A recipe whose app runs until it is ended. */
function sleeper(name: string): void {
  const text = `skerry: recipe/1\nsummary: made for a test\nbase: trial\npackages: [${name}]\nprograms: { ${name}: { command: [/usr/bin/sleep, infinity] } }\nvolumes: { data: { class: data, inside: /data } }\n`;
  writeFileSync(`${trial.home}/config/recipes/${name}.yaml`, text);
}

const path = (name: string) => `${trial.home}/data/${name}`;

function layersOf(name: string): readonly string[] {
  const image: { readonly layers: readonly string[] } = JSON.parse(readFileSync(path(`images/${name}.json`), "utf8"));
  return image.layers;
}

function digestOf(name: string): string {
  const record: { readonly digest: string } = JSON.parse(
    readFileSync(path(`store/layers/${layersOf(name).at(-1)}/layer.json`), "utf8"),
  );
  return record.digest;
}

async function done(words: readonly string[]): Promise<string> {
  const ended = await trial.skerry(words);
  assert.equal(ended.code, 0, `${words.join(" ")}: ${ended.stdout}${ended.stderr}`);
  return ended.stdout;
}

test("a purged image is built again without the archive, to the same digest", options, async () => {
  await done(["build", "one"]);
  await done(["build", "two"]);
  const [digest, [, layer]] = [digestOf("one"), layersOf("one")];
  const dry = await done(["purge", "one", "--dry-run"]);
  assert.match(dry, /^image one\nwould free .* in 1 layers\n$/);
  assert.ok(existsSync(path(`store/layers/${layer}`)));
  const said: { readonly bytes: number } = JSON.parse(await done(["purge", "one", "--json"]));
  assert.ok(said.bytes > 300_000, `${said.bytes} bytes`);
  assert.ok(!existsSync(path(`store/layers/${layer}`)));
  assert.ok(!existsSync(path("images/one.json")) && !existsSync(path("images/one.spdx.json")));
  assert.ok(existsSync(path(`store/layers/${layersOf("two")[0]}`)), "what another image needs stays");
  const asked = archive.asked.length;
  await done(["build", "one"]);
  assert.equal(archive.asked.length, asked);
  assert.equal(digestOf("one"), digest);
  await done(["images", "verify"]);
});

test("with packages a purge takes those too that no image needs, and they are fetched again", options, async () => {
  const debs = readdirSync(path("store/debs")).length;
  const said: { readonly packages: number } = JSON.parse(await done(["purge", "one", "--with-packages", "--json"]));
  assert.equal(said.packages, 1);
  assert.equal(readdirSync(path("store/debs")).length, debs - 1);
  const asked = archive.asked.length;
  await done(["build", "one"]);
  assert.equal(archive.asked.length, asked + 1);
});

test("an image that runs is not purged by name, and passed over by rules", options, async () => {
  await done(["start", "one"]);
  const named = await trial.skerry(["purge", "one"]);
  assert.equal(named.code, 1);
  assert.match(named.stderr, /one runs from the image of one; nothing was removed\n {2}skerry stop one/);
  const said: { readonly images: readonly string[] } = JSON.parse(await done(["purge", "--budget=0MB", "--json"]));
  assert.deepEqual(said.images, ["two"]);
  await done(["exec", "one", "--", "/usr/bin/test", "-s", "/one"]);
  await done(["images", "verify", "one"]);
  await done(["kill", "one"]);
});

test("unused is what no deployment names; data, deployments and instances stay", options, async () => {
  await done(["build", "two"]);
  const data = path("volumes/one/data");
  mkdirSync(data, { recursive: true });
  writeFileSync(`${data}/mine`, "kept");
  const said: { readonly images: readonly string[] } = JSON.parse(await done(["purge", "--unused", "--json"]));
  assert.deepEqual(said.images, ["two"]);
  await done(["purge", "one", "--with-packages"]);
  assert.equal(readFileSync(`${data}/mine`, "utf8"), "kept");
  assert.ok(existsSync(`${trial.home}/config/deployments/one.yaml`));
  assert.match(await done(["audit", "--json"]), /"kind":"purge"/);
});

test("an image younger than the time given stays, and no rule at all is no purge", options, async () => {
  await done(["build", "two"]);
  const said: { readonly images?: readonly string[] } = JSON.parse(await done(["purge", "--older-than=1d", "--json"]));
  assert.deepEqual(said.images, []);
  assert.equal((await trial.skerry(["purge"])).code, 64);
  assert.equal((await trial.skerry(["purge", "two", "--unused"])).code, 64);
  assert.equal((await trial.skerry(["purge", "--older-than=soon"])).code, 64);
});

test(
  "what is kept for a rollback survives a purge of others, and goes first where room is short",
  options,
  async () => {
    archive.publish({ add: [{ name: "two", version: "2.0", files: [{ name: "./two", content: "newer" }] }] });
    const [, older] = layersOf("two");
    await done(["upgrade", "two"]);
    await done(["purge", "--unused", "--older-than=1d"]);
    assert.ok(existsSync(path(`store/layers/${older}`)));
    const said: { readonly previous: readonly string[] } = JSON.parse(await done(["purge", "--budget=0MB", "--json"]));
    assert.deepEqual(said.previous, []);
    assert.ok(!existsSync(path("previous/two.json")));
    assert.ok(!existsSync(path(`store/layers/${older}`)));
  },
);

test("a purge that races a start: the app runs from a whole image, or the purge is refused", options, async () => {
  for (let round = 0; round < 4; round++) {
    await done(["build", "two"]);
    const [started, purged] = await Promise.all([
      endOf(trial.begin(["start", "two"]), 90_000),
      endOf(trial.begin(["purge", "two"]), 90_000),
    ]);
    assert.equal(started.code, 0, started.stderr);
    assert.ok(purged.code === 0 || /runs from the image of two|no image of "two"/.test(purged.stderr), purged.stderr);
    await done(["exec", "two", "--", "/usr/bin/test", "-s", "/two"]);
    await done(["kill", "two"]);
    assert.ok(!existsSync(path("store/going")));
  }
});

test("no compartment can write to the store, or see it", options, async () => {
  await done(["start", "one"]);
  for (const target of ["/one", "/usr/bin/sleep", "/new"]) {
    const ended = await trial.skerry(["exec", "one", "--", "/usr/bin/sh", "-c", `echo spoilt >> ${target}`]);
    assert.notEqual(ended.code, 0, `${target} was written`);
  }
  const seen = await trial.skerry(["exec", "one", "--", "/usr/bin/test", "-e", path("store")]);
  assert.equal(seen.code, 1);
  await done(["images", "verify", "one"]);
  await done(["kill", "one"]);
});
