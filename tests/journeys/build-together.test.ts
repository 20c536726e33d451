/** Builds that meet, are left, are killed or find no room: one of each kind at a time, and nothing left half. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import {
  type Archive,
  type BuildTrial,
  makeArchive,
  makeBuildTrial,
  NO_GPG,
} from "../hostile/packages/archive.fixture.ts";
import { killDuringBuild, killPoints, wholeStore } from "../hostile/packages/killing.fixture.ts";
import { eventually, processesOf } from "../hostile/packages/processes.fixture.ts";
import { endOf } from "./trial.fixture.ts";

let archive: Archive;
let trial: BuildTrial;

/** A script that waits until the test lets it go on: it asks for nothing, it is told by a file's name. */
const WAITS = "while :; do read -r line < /proc/uptime; done";

before(async () => {
  if (NO_GPG !== false) return;
  archive = await makeArchive([
    ...["one", "two", "three", "four", "five"].map((name) => ({ name, files: [{ name: `./${name}`, content: name }] })),
    { name: "endless", scripts: { postinst: WAITS } },
    { name: "fills", scripts: { postinst: "exec cat /dev/zero > /fill" } },
  ]);
  trial = makeBuildTrial(archive);
  for (const name of ["one", "two", "three", "endless", "fills"]) trial.recipe(name, [name]);
  trial.recipe("killed", ["one", "two", "three", "four", "five"]);
});

after(async () => {
  if (NO_GPG !== false) return;
  await trial.close();
  await archive.close();
});

const options = { skip: NO_GPG };

const audited = async (kind: string, recipe: string) => {
  const { stdout } = await trial.skerry(["audit", "--json"]);
  const records: { readonly kind: string; readonly facts: { readonly recipe?: string } }[] = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  return records.filter((record) => record.kind === kind && record.facts.recipe === recipe).length;
};

/** Holds back the answer to one package until the test lets go. */
function holdBack(name: string): { readonly asked: () => number; readonly go: () => void } {
  const deb = archive.debs.find((each) => each.name === name);
  const waiting: (() => void)[] = [];
  let open = false;
  let asked = 0;
  archive.instead.set(deb?.path ?? "", (_, response) => {
    asked++;
    const answer = () => response.end(deb?.bytes);
    if (open) answer();
    else waiting.push(answer);
  });
  const go = () => {
    open = true;
    for (const answer of waiting) answer();
  };
  return { asked: () => asked, go };
}

test("two wishes for one image build once, and both get it", options, async () => {
  const held = holdBack("one");
  const ends = [1, 2].map(async () => await endOf(trial.begin(["build", "one"]), 60_000));
  await eventually(() => held.asked() === 1, "the package is asked for");
  // Both have been heard when the agent says so: the second joins a build that is held.
  const third = endOf(trial.begin(["build", "one"]), 60_000);
  held.go();
  for (const { code, stdout, stderr } of await Promise.all([...ends, third])) {
    assert.equal(code, 0, stderr);
    assert.match(stdout, /one is built/);
  }
  assert.equal(held.asked(), 1);
  assert.equal(await audited("build", "one"), 1);
});

test("two images at once are both built", options, async () => {
  const ends = await Promise.all(
    ["two", "three"].map(async (name) => await endOf(trial.begin(["build", name]), 90_000)),
  );
  for (const { code, stderr } of ends) assert.equal(code, 0, stderr);
});

test("a command that is killed while it waits does not end the build of another", options, async () => {
  const fresh = makeBuildTrial(archive);
  fresh.recipe("one", ["one"]);
  const held = holdBack("one");
  const first = fresh.begin(["build", "one"]);
  await eventually(() => held.asked() === 1, "the package is asked for");
  const second = fresh.begin(["build", "one"]);
  let heard = "";
  second.stderr?.on("data", (piece) => (heard += String(piece)));
  const ending = endOf(second, 60_000);
  await eventually(() => heard.includes("fetching"), "the second hears of the build that it has joined");
  first.kill("SIGKILL");
  await eventually(() => first.signalCode !== null, "the first is gone");
  held.go();
  const { code, stderr } = await ending;
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /reading the package lists/, "it went on and was not begun anew");
  assert.deepEqual(fresh.stored("building"), []);
  await fresh.close();
});

test("Ctrl-C of the only one who waits ends the build at once and leaves nothing", options, async () => {
  const child = trial.begin(["build", "endless"]);
  const ending = endOf(child, 60_000);
  const script = () =>
    processesOf(`${trial.home}/data/store`).some(({ words }) => words.includes("bwrap") && words.includes("apt-get"));
  await eventually(script, "the package is being installed");
  child.kill("SIGINT");
  const { code, stderr } = await ending;
  assert.equal(code, 130, stderr);
  await eventually(() => !script(), "the script has ended");
  await eventually(() => trial.stored("building").length === 0, "the half build is gone");
  assert.ok(!existsSync(`${trial.home}/data/images/endless.json`));
  const next = await trial.skerry(["build", "two"]);
  assert.equal(next.code, 0, "the next build is not held up");
});

test("a package that waits for ever holds up only those who wait for it", options, async () => {
  const child = trial.begin(["build", "endless"]);
  const ending = endOf(child, 60_000);
  await eventually(() => trial.stored("building").length > 0, "it builds");
  const listed = await trial.skerry(["images"]);
  assert.equal(listed.code, 0);
  child.kill("SIGINT");
  await ending;
  await eventually(() => trial.stored("building").length === 0, "the half build is gone");
});

test("an agent killed at ten points of a build leaves a whole store, and the next one builds", options, async () => {
  for (const point of killPoints(10, 20_261_120)) {
    const fresh = makeBuildTrial(archive);
    fresh.recipe("killed", ["one", "two", "three", "four", "five"]);
    await killDuringBuild(fresh, archive, "killed", point);
    await fresh.close();
  }
});

test("an agent that is killed takes the scripts that it ran with it", options, async () => {
  const fresh = makeBuildTrial(archive);
  fresh.recipe("endless", ["endless"]);
  fresh.recipe("one", ["one"]);
  const ending = endOf(fresh.begin(["build", "endless"]), 60_000);
  const installs = () => processesOf(fresh.home).some(({ words }) => words.includes("apt-get -y"));
  await eventually(installs, "the package is being installed");
  const info = await fresh.client.call<{ readonly pid?: number }>("Info", {});
  assert.ok(info.ok && info.value.pid !== undefined);
  process.kill(info.value.pid, "SIGKILL");
  assert.notEqual((await ending).code, 0);
  await eventually(() => processesOf(fresh.home).length === 0, "nothing runs any more");
  assert.equal(fresh.stored("building").length, 1, "there is a half build to be repaired");
  assert.equal((await fresh.skerry(["build", "one"])).code, 0);
  assert.deepEqual(fresh.stored("building"), []);
  await fresh.close();
});

test("a lock that was changed by hand is refused with its place, or does not count", options, async () => {
  const file = `${trial.home}/data/locks/three.json`;
  assert.equal((await trial.skerry(["build", "three"])).code, 0);
  const good = readFileSync(file, "utf8");
  const image = `${trial.home}/data/images/three.json`;
  const withLock = async (text: string) => {
    writeFileSync(file, text);
    rmSync(image, { force: true });
    return await trial.skerry(["build", "three"]);
  };
  const three = archive.debs.find(({ name }) => name === "three");
  for (const [text, words] of [
    ["{ no json", /three\.json cannot be used as a lock/],
    [good.replace('"version": 2', '"version": 99'), /version 99; known are 1 and 2/],
    [good.replace("pool/three", "pool/../../three"), /path/],
    [good.replace(archive.uri, "http://elsewhere.invalid"), /trial has no archive http:\/\/elsewhere\.invalid/],
    [good.replace(/"resolved": "[^"]*"/, '"resolved": "2026-99-99T00:00:00Z"'), /resolved/],
  ] as const) {
    assert.notEqual(text, good);
    const ended = await withLock(text);
    assert.equal(ended.code, 1, ended.stderr);
    assert.match(ended.stderr, words);
    assert.match(ended.stderr, /lock --update/);
  }
  const wrong = await withLock(good.replace(three?.sha256 ?? "", "0".repeat(64)));
  assert.match(wrong.stderr, /another content than was locked/);
  const updated = await trial.skerry(["lock", "--update", "three"]);
  assert.equal(updated.code, 0, updated.stderr);
  assert.equal((await trial.skerry(["build", "three"])).code, 0);

  // Of another base: not this recipe's lock, so it is made anew.
  const other = await withLock(good.replace('"base": "trial"', '"base": "debian-12"'));
  assert.equal(other.code, 0, other.stderr);
  assert.match(readFileSync(file, "utf8"), /"base": "trial"/);
});

test("a base's lock that was spoilt is made anew by an update", options, async () => {
  const file = `${trial.home}/data/locks/base.trial.json`;
  writeFileSync(file, "spoilt");
  trial.recipe("two", ["two", "one"]);
  const refused = await trial.skerry(["build", "two"]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /base\.trial\.json cannot be used as a lock/);
  const updated = await trial.skerry(["lock", "--update", "two"]);
  assert.equal(updated.code, 0, updated.stderr);
});

test("a changed recipe makes a new lock, an update finds what is newer, and nothing else does", options, async () => {
  const file = `${trial.home}/data/locks/one.json`;
  const first = readFileSync(file, "utf8");
  archive.publish({ add: [{ name: "one", version: "2.0", files: [{ name: "./one", content: "newer" }] }] });
  await trial.skerry(["lock", "one"]);
  assert.equal(readFileSync(file, "utf8"), first);
  await trial.skerry(["lock", "--update", "one"]);
  assert.match(readFileSync(file, "utf8"), /"version": "2\.0"/);
  trial.recipe("one", ["one", "four"]);
  assert.equal((await trial.skerry(["build", "one"])).code, 0);
  assert.match(readFileSync(file, "utf8"), /"four"/);
});

test("a full disk is said, nothing half is kept, and with room the build succeeds", {
  skip:
    NO_GPG !== false ? NO_GPG : process.getuid?.() === 0 ? false : "cannot here: a small disk of one's own takes root",
}, async () => {
  const small = makeBuildTrial(archive, false);
  const disk = `${small.home}/data/store`;
  const mounted = (words: readonly string[]) => {
    const end = spawnSync("/usr/bin/mount", words);
    assert.equal(end.status, 0, end.stderr.toString());
  };
  rmSync(disk, { recursive: true });
  mkdirSync(disk);
  mounted(["-t", "tmpfs", "-o", "size=120m,mode=0755", "skerry-small", disk]);
  try {
    small.recipe("four", ["four"]);
    const ended = await small.skerry(["build", "four"], { timeoutMs: 120_000 });
    assert.equal(ended.code, 75, ended.stderr);
    assert.match(ended.stderr, /no space is left on the disk/);
    assert.deepEqual(small.stored("building"), []);
    assert.deepEqual(small.stored("layers"), []);
    wholeStore(small);
    mounted(["-o", "remount,size=700m", disk]);
    const again = await small.skerry(["build", "four"], { timeoutMs: 180_000 });
    assert.equal(again.code, 0, again.stderr);
    small.recipe("fills", ["fills"]);
    const filled = await small.skerry(["build", "fills"], { timeoutMs: 120_000 });
    assert.equal(filled.code, 75, filled.stderr);
    assert.match(filled.stderr, /no space is left on the disk/);
    assert.deepEqual(small.stored("building"), []);
    const free = statfsSync(disk);
    assert.ok(free.bavail * free.bsize > 100 * 1024 * 1024, "what a package wrote without end is gone");
  } finally {
    await small.client.shutdown();
    spawnSync("/usr/bin/umount", [disk]);
    await small.close();
  }
});
