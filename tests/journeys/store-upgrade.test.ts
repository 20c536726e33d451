/** Upgrades: shown before they are made, taken back by one word, and never half done. Data is no part of it. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
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
  archive = await makeArchive([
    { name: "one", files: [{ name: "./one", content: "first" }] },
    { name: "two", files: [{ name: "./two", content: "two" }] },
  ]);
  trial = makeBuildTrial(archive);
  trial.recipe("app", ["one"]);
  trial.recipe("other", ["one", "two"]);
  for (const name of ["app", "other"]) {
    const built = await trial.skerry(["build", name]);
    assert.equal(built.code, 0, built.stderr);
  }
});

after(async () => {
  if (NO_GPG !== false) return;
  await trial.close();
  await archive.close();
});

const file = (name: string) => `${trial.home}/data/${name}`;

const text = (name: string) => readFileSync(file(name), "utf8");

function contentOf(image: string, path: string): string {
  const record: { readonly layers: readonly string[] } = JSON.parse(text(`images/${image}.json`));
  return text(`store/layers/${record.layers.at(-1)}/fs/${path}`);
}

test("where nothing is newer, nothing is outdated and an upgrade changes nothing", options, async () => {
  const before = text("locks/app.json");
  const outdated = await trial.skerry(["images", "outdated", "app"]);
  assert.equal(outdated.code, 0, outdated.stderr);
  assert.equal(outdated.stdout, "");
  const ended = await trial.skerry(["upgrade", "app"]);
  assert.equal(ended.code, 0, ended.stderr);
  assert.equal(ended.stdout, "app is up to date\n");
  assert.equal(text("locks/app.json"), before);
  assert.ok(!existsSync(file("pending")));
  const back = await trial.skerry(["rollback", "app"]);
  assert.equal(back.code, 1);
  assert.match(back.stderr, /nothing was kept that app could go back to/);
});

test("what is newer is listed; a dry run shows it and changes nothing", options, async () => {
  archive.publish({ add: [{ name: "one", version: "2.0", files: [{ name: "./one", content: "second" }] }] });
  const before = text("locks/app.json");
  const outdated = await trial.skerry(["images", "outdated"]);
  assert.match(outdated.stdout, /^IMAGE +PACKAGE +FROM +TO +SECURITY\napp +one +1\.0 +2\.0\nother +one +1\.0 +2\.0\n$/);
  const dry = await trial.skerry(["upgrade", "app", "--dry-run"]);
  assert.equal(dry.code, 0, dry.stderr);
  assert.match(dry.stderr, /app:\n {2}one: 1\.0 → 2\.0/);
  assert.equal(dry.stdout, "app: 1 package would change\n");
  assert.equal(text("locks/app.json"), before);
  assert.ok(!existsSync(file("pending")));
});

test("an upgrade for security alone takes nothing from an archive that is none", options, async () => {
  const ended = await trial.skerry(["upgrade", "app", "--security"]);
  assert.equal(ended.code, 0, ended.stderr);
  assert.equal(ended.stdout, "app is up to date\n");
});

test("two upgrades at once: one upgrades, the other finds it done", options, async () => {
  const ends = await Promise.all([1, 2].map(async () => await endOf(trial.begin(["upgrade", "app"]), 90_000)));
  for (const { code, stderr } of ends) assert.equal(code, 0, stderr);
  assert.deepEqual(ends.map(({ stdout }) => stdout).toSorted(), [
    "app is up to date\n",
    "app is upgraded: 1 package changed; skerry rollback app goes back\n",
  ]);
  assert.equal(contentOf("app", "one"), "second");
  assert.equal(contentOf("other", "one"), "first", "another image stays as it is");
  const verified = await trial.skerry(["images", "verify"]);
  assert.equal(verified.code, 0, verified.stdout);
});

test("two versions of an image differ in packages and files", options, async () => {
  const ended = await trial.skerry(["images", "diff", "app@previous", "app"]);
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stdout, /one +1\.0 +2\.0/);
  assert.match(ended.stdout, /~ \/one \(content/);
  const same = await trial.skerry(["images", "diff", "app", "app"]);
  assert.equal(same.stdout, "");
});

test("a rollback gives the old image again, without the archive, and a second one the new one", options, async () => {
  const asked = archive.asked.length;
  const data = `${trial.home}/data/volumes/app/notes`;
  mkdirSync(data, { recursive: true });
  writeFileSync(`${data}/mine`, "kept");
  const upgraded = text("locks/app.json");
  const back = await trial.skerry(["rollback", "app"]);
  assert.equal(back.code, 0, back.stderr);
  assert.equal(contentOf("app", "one"), "first");
  const forward = await trial.skerry(["rollback", "app"]);
  assert.equal(forward.code, 0, forward.stderr);
  assert.equal(text("locks/app.json"), upgraded);
  assert.equal(contentOf("app", "one"), "second");
  assert.equal(archive.asked.length, asked);
  assert.equal(readFileSync(`${data}/mine`, "utf8"), "kept");
  const { stdout } = await trial.skerry(["audit", "--json"]);
  assert.equal(stdout.match(/"kind":"upgrade"/g)?.length, 1);
  assert.equal(stdout.match(/"kind":"rollback"/g)?.length, 2);
});

test("an SBOM lies beside each image and follows its upgrades", options, async () => {
  const ended = await trial.skerry(["images", "sbom", "app"]);
  assert.equal(ended.code, 0, ended.stderr);
  const document: { readonly packages: readonly { readonly name: string; readonly versionInfo: string }[] } =
    JSON.parse(ended.stdout);
  assert.deepEqual(document, JSON.parse(text("images/app.spdx.json")));
  assert.equal(document.packages.find(({ name }) => name === "one")?.versionInfo, "2.0");
  assert.ok(document.packages.some(({ name }) => name === "bash"));
});

test("an agent that was killed between the writes of a switch is followed by one that ends it", options, async () => {
  const next = { lock: text("locks/app.json"), image: text("images/app.json"), sbom: text("images/app.spdx.json") };
  const previous = JSON.parse(text("previous/app.json"));
  await trial.client.shutdown();
  // As a kill would leave it: noted, the old one kept, the new lock in place, the image's record not yet.
  mkdirSync(file("switching"), { recursive: true });
  writeFileSync(file("switching/app.json"), JSON.stringify({ recipe: "app", next: previous, replaced: next }));
  writeFileSync(file("locks/app.json"), previous.lock);
  mkdirSync(file("pending/locks"), { recursive: true });
  const listed = await trial.skerry(["images", "verify", "app"]);
  assert.equal(listed.code, 0, listed.stdout);
  assert.equal(contentOf("app", "one"), "first");
  assert.ok(!existsSync(file("switching/app.json")));
  assert.ok(!existsSync(file("pending")));
  assert.deepEqual(JSON.parse(text("previous/app.json")), next);
});

test("a recipe that asks for something else is not rolled back to what it did not ask for", options, async () => {
  trial.recipe("app", ["one", "two"]);
  const ended = await trial.skerry(["rollback", "app"]);
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /asks for something else than its lock was made for/);
  const upgraded = await trial.skerry(["upgrade"]);
  assert.equal(upgraded.code, 0, upgraded.stderr);
  assert.match(upgraded.stdout, /app is upgraded: 2 packages changed/);
  assert.match(upgraded.stdout, /other is upgraded: 1 package changed/);
});

test("an upgrade that cannot be built leaves everything as it was", options, async () => {
  archive.publish({ add: [{ name: "two", version: "9.0", scripts: { postinst: "exit 1" } }] });
  const before = [text("locks/other.json"), text("images/other.json")];
  const ended = await trial.skerry(["upgrade", "other"]);
  assert.equal(ended.code, 1);
  assert.deepEqual([text("locks/other.json"), text("images/other.json")], before);
  assert.ok(!existsSync(file("pending")));
  assert.deepEqual(trial.stored("building"), []);
});
