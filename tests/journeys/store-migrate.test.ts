/** Migration: an image moves from a base that ages to another one, and what its owner has said and has stays. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import {
  type Archive,
  baseText,
  type BuildTrial,
  makeArchive,
  makeBuildTrial,
  NO_GPG,
} from "../hostile/packages/archive.fixture.ts";

const options = { skip: NO_GPG };

let old: Archive;
let young: Archive;
let trial: BuildTrial;

before(async () => {
  if (NO_GPG !== false) return;
  const [one, two] = ["one", "two"].map((name) => ({
    name,
    files: [{ name: `./${name}`, content: "of the old base" }],
  }));
  if (one === undefined || two === undefined) throw new Error("no packages");
  old = await makeArchive([one, two]);
  young = await makeArchive([
    { ...one, version: "2.0", files: [{ name: "./one", content: "of the new base" }] },
    { ...two, version: "2.0", scripts: { postinst: "exit 1" } },
  ]);
  trial = makeBuildTrial(old);
  base("old", "supported");
  writeBase("new", baseText(young));
  recipe("app", "[one]");
  recipe("breaks", "[two]");
  writeFileSync(`${trial.files}/granted`, "granted");
  for (const words of [
    ["deploy", "app"],
    ["build", "breaks"],
  ]) {
    const ended = await trial.skerry(words);
    assert.equal(ended.code, 0, ended.stderr);
  }
  const file = `${trial.home}/config/deployments/app.yaml`;
  const text = readFileSync(file, "utf8").replace(
    /^( +)docs:.*$/m,
    `$1docs: { answer: real, folder: ${trial.files} } # mine`,
  );
  writeFileSync(file, text);
});

after(async () => {
  if (NO_GPG !== false) return;
  await trial.close();
  await old.close();
  await young.close();
});

const file = (name: string) => `${trial.home}/data/${name}`;

const text = (name: string) => readFileSync(file(name), "utf8");

const SETTING = "config/migrations/app.yaml";

function writeBase(name: string, content: string): void {
  mkdirSync(`${trial.home}/config/os-bases/${name}`, { recursive: true });
  writeFileSync(`${trial.home}/config/os-bases/${name}/base.yaml`, content);
}

function base(name: string, state: string): void {
  writeBase(name, baseText(old).replace("state: supported", `state: ${state}\nsuccessor: new`));
}

function recipe(name: string, packages: string): void {
  writeFileSync(
    `${trial.home}/config/recipes/${name}.yaml`,
    `skerry: recipe/1
summary: made for a test
base: old # as it was
packages: ${packages}
programs: { sh: { command: [/bin/sh], arguments: any } }
requests:
  docs: { service: folder, why: to see that it is there, need: optional, inside: /mnt/docs }
volumes:
  data: { class: data, inside: /var/lib/app }
`,
  );
}

/** What the app sees: which base, its data, and what it was granted. */
async function seen(): Promise<string> {
  const ended = await trial.skerry([
    "run",
    "app",
    "--",
    "-c",
    "cat /one /var/lib/app/notes /mnt/docs/granted; echo; id -u",
  ]);
  assert.equal(ended.code, 0, ended.stderr);
  return ended.stdout.replace("\n", ` by `).trim();
}

interface Own {
  readonly deployment: string;
  readonly recipe: string;
  readonly notes: number;
  readonly grants: string;
}

/** All that is the owner's or the instance's. */
async function own(): Promise<Own> {
  const config = (name: string) => readFileSync(`${trial.home}/config/${name}/app.yaml`, "utf8");
  const described = await trial.skerry(["describe", "app", "--json"]);
  const { effective } = JSON.parse(described.stdout);
  return {
    deployment: config("deployments"),
    recipe: config("recipes"),
    notes: statSync(file("volumes/app/data/notes")).ino,
    grants: JSON.stringify(effective),
  };
}

test("data and grants are the same before and after a migration, and what runs goes on", options, async () => {
  const begun = await trial.skerry(["run", "app", "--", "-c", "printf kept > /var/lib/app/notes"]);
  assert.equal(begun.code, 0, begun.stderr);
  const sight = await seen();
  assert.match(sight, /^of the old basekeptgranted by \d+$/);
  const before = await own();
  const started = await trial.skerry([
    "start",
    "app",
    "--",
    "-c",
    "while sleep 1; do cat /one > /var/lib/app/still; done",
  ]);
  assert.equal(started.code, 0, started.stderr);

  const dry = await trial.skerry(["migrate", "app", "--to", "new", "--dry-run"]);
  assert.equal(dry.code, 0, dry.stderr);
  assert.match(dry.stderr, /app, old → new:\n {2}one: 1\.0 → 2\.0/);
  assert.equal(dry.stdout, "app would move from old to new: 1 package would change\n");
  assert.ok(!existsSync(`${trial.home}/${SETTING}`));
  assert.match(text("locks/app.json"), /"base": *"old"/);

  const moved = await trial.skerry(["migrate", "app", "--to", "new"]);
  assert.equal(moved.code, 0, moved.stderr);
  assert.equal(moved.stdout, "app is on new: 1 package changed; skerry rollback app goes back to old\n");
  const listed = await trial.skerry(["ps", "--json"]);
  assert.match(listed.stdout, /"running"/);
  const inside = await trial.skerry(["exec", "app", "--", "/bin/cat", "/one"]);
  assert.equal(inside.stdout, "of the old base", inside.stderr);
  await trial.skerry(["kill", "app"]);

  assert.equal(await seen(), sight.replace("old", "new"));
  assert.deepEqual(await own(), before);
  const again = await trial.skerry(["migrate", "app"]);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /the base new names no successor for app to move to/);
  const same = await trial.skerry(["migrate", "app", "--to", "new"]);
  assert.equal(same.stdout, "app is on new already\n", same.stderr);
});

test("a rollback brings the old base's image back, and a second one the new one's", options, async () => {
  const asked = [old.asked.length, young.asked.length];
  const before = await own();
  const setting = readFileSync(`${trial.home}/${SETTING}`, "utf8");
  assert.match(setting, /^skerry: migration\/1\n#.*\nfrom: old\nto: new\n$/);
  base("old", "retired");
  const back = await trial.skerry(["rollback", "app"]);
  assert.equal(back.code, 0, back.stderr);
  assert.ok(!existsSync(`${trial.home}/${SETTING}`));
  assert.match(await seen(), /^of the old basekeptgranted/);
  const forward = await trial.skerry(["rollback", "app"]);
  assert.equal(forward.code, 0, forward.stderr);
  assert.equal(readFileSync(`${trial.home}/${SETTING}`, "utf8"), setting);
  assert.match(await seen(), /^of the new basekeptgranted/);
  assert.deepEqual(await own(), before);
  assert.deepEqual([old.asked.length, young.asked.length], asked);
  base("old", "supported");
});

test("a recipe that comes to name another base is taken at its word again", options, async () => {
  const path = `${trial.home}/config/recipes/app.yaml`;
  const before = readFileSync(path, "utf8");
  writeFileSync(path, before.replace("base: old", "base: trial"));
  assert.match(await seen(), /^of the old basekeptgranted/);
  assert.match(text("locks/app.json"), /"base": *"trial"/);
  writeFileSync(path, before);
  assert.match(await seen(), /^of the new basekeptgranted/);
});

test("a migration whose build fails leaves everything as it was", options, async () => {
  const before = [text("locks/breaks.json"), text("images/breaks.json")];
  const ended = await trial.skerry(["migrate", "breaks", "--to", "new"]);
  assert.equal(ended.code, 1, ended.stdout);
  assert.deepEqual([text("locks/breaks.json"), text("images/breaks.json")], before);
  assert.ok(!existsSync(`${trial.home}/config/migrations/breaks.yaml`));
  assert.ok(!existsSync(file("pending")));
  assert.deepEqual(trial.stored("building"), []);
  const unknown = await trial.skerry(["migrate", "breaks", "--to", "nwe"]);
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /there is no base named "nwe"\. Did you mean "new"\?/);
});

test("a base that ages says until when, and the command that leads away from it", options, async () => {
  recipe("stays", "[one]");
  base("old", "deprecated\nuntil: 2030-01-31");
  const words =
    "the base old is deprecated and will be retired on 2030-01-31; skerry migrate stays --to new moves stays to new, with its data and grants";
  for (const words_ of [
    ["build", "stays"],
    ["build", "stays"],
  ]) {
    const built = await trial.skerry(words_);
    assert.equal(built.code, 0, built.stderr);
    assert.equal(built.stderr.split(words).length, 2, built.stderr);
  }
  const listed = await trial.skerry(["images"]);
  assert.match(listed.stdout, /^stays +old .* base deprecated$/m);
  assert.match(listed.stdout, /^app +new .* current$/m);
  assert.ok(listed.stderr.includes(words));
  assert.ok((await trial.skerry(["doctor"])).stdout.includes(words));
  const json = JSON.parse((await trial.skerry(["images", "--json"])).stdout);
  const found: readonly Record<string, unknown>[] = json;
  const { baseState, baseUntil, baseSuccessor } = found.find((each) => each["recipe"] === "stays") ?? {};
  assert.deepEqual([baseState, baseUntil, baseSuccessor], ["deprecated", "2030-01-31", "new"]);
});

test(
  "what was built on a base that is retired runs on, which is said once; nothing new is built",
  options,
  async () => {
    base("old", "retired");
    const words =
      /the base old is retired: stays runs on as it was built, without updates; skerry migrate stays --to new/;
    const first = await trial.skerry(["run", "stays", "--", "-c", "cat /one"]);
    assert.equal(first.stdout, "of the old base", first.stderr);
    assert.match(first.stderr, words);
    const second = await trial.skerry(["run", "stays", "--", "-c", "cat /one"]);
    assert.equal(second.code, 0);
    assert.doesNotMatch(second.stderr, words);
    const upgraded = await trial.skerry(["upgrade"]);
    assert.equal(upgraded.code, 0, upgraded.stderr);
    assert.match(upgraded.stderr, words);
    recipe("fresh", "[one]");
    const refused = await trial.skerry(["build", "fresh"]);
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      /the base old is retired; nothing new is built on it\n {2}skerry migrate fresh --to new builds fresh on new; data and grants stay/,
    );
    const moved = await trial.skerry(["migrate", "fresh"]);
    assert.equal(moved.code, 0, moved.stderr);
    assert.match(moved.stdout, /^fresh is on new: \d+ packages changed/);
  },
);

test("an image that is stale says why", options, async () => {
  base("old", "supported");
  const state = async () => /^stays .* (current|stale: .*)$/m.exec((await trial.skerry(["images"])).stdout)?.[1];
  assert.equal(await state(), "current");
  recipe("stays", "[one, two]");
  assert.equal(await state(), "stale: the recipe has changed");
  recipe("stays", "[one]");
  const lock = text("locks/stays.json");
  writeFileSync(file("locks/stays.json"), lock.replace('"1.0"', '"1.1"'));
  assert.equal(await state(), "stale: the lock has changed");
  writeFileSync(file("locks/stays.json"), lock);
  assert.equal(await state(), "current");
});
