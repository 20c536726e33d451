/** Learn, folders: what an app opens below a watched folder becomes the smallest answer with which it works. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { after, before, beforeEach, test } from "node:test";
import { done } from "./life.fixture.ts";
import { makeTrial, type Trial } from "./trial.fixture.ts";

const skip = existsSync("/usr/bin/inotifywait") ? false : "cannot here: inotifywait is not installed";

let trial: Trial;
let folder = "";
let round = 0;

before(() => {
  if (skip === false) trial = makeTrial();
});

after(async () => {
  if (skip === false) await trial.close();
});

beforeEach(() => {
  if (skip !== false) return;
  folder = `${trial.files}/watched-${round++}`;
  mkdirSync(`${folder}/notes/deep`, { recursive: true, mode: 0o777 });
  for (const name of ["top", "notes/a", "notes/b", "notes/deep/c"]) writeFileSync(`${folder}/${name}`, `${name}\n`);
});

/** @returns what was printed for its answer, and all that was said */
async function learn(name: string, script: string, ...flags: readonly string[]) {
  mkdirSync(`${trial.home}/config/deployments`, { recursive: true });
  const text =
    "skerry: deployment/1\nrecipe: dev-shell\nisolation: container\nanswers:\n  project: deny\n  network: deny\n";
  writeFileSync(`${trial.home}/config/deployments/${name}.yaml`, text);
  const words = ["learn", name, "--yes", "--folder", `project=${folder}`, ...flags, "--", "-c", `exec 1>&2; ${script}`];
  return await done(trial, words);
}

test("of few files that were read exactly these are proposed, and with them it works", { skip }, async () => {
  const script = "cat /work/notes/a /work/notes/deep/c";
  const { stdout } = await learn("few", script, "--write");
  assert.equal(stdout, `project: { answer: subset, folder: ${folder}, files: [notes/a, notes/deep/c] }\n`);
  const again = await done(trial, ["run", "--quiet", "few", "--", "-c", `${script}; cat /work/top || true`]);
  assert.equal(again.stdout, "notes/a\nnotes/deep/c\n");
  assert.match(again.stderr, /top: No such file/);
  assert.match(readFileSync(`${trial.home}/config/deployments/few.yaml`, "utf8"), /^ {2}network: deny$/m);
});

test("what was written makes the folder that holds all of it writable, and nothing above it", { skip }, async () => {
  const { stdout, stderr } = await learn("writes", "echo new > /work/notes/deep/new; cat /work/notes/a");
  assert.equal(stdout, `project: { answer: real, folder: ${folder}/notes }\n`);
  assert.match(stderr, /paths that the app is told get shorter by notes\//);
  assert.equal(readFileSync(`${folder}/notes/deep/new`, "utf8"), "new\n");
});

test("many files that were read are their folder, read-only", { skip }, async () => {
  for (let count = 0; count < 40; count++) writeFileSync(`${folder}/notes/n${count}`, "");
  const { stdout } = await learn("many", "cat /work/notes/n*");
  assert.equal(stdout, `project: { answer: subset, folder: ${folder}/notes }\n`);
});

test("what was not opened is denied, though its size was looked at", { skip }, async () => {
  const { stdout, stderr } = await learn("none", "stat /work/top; true");
  assert.equal(stdout, "project: deny\n");
  assert.match(stderr, /it was not used/);
});

test("a request that is none, and one for something else, are refused before anything runs", { skip }, async () => {
  await learn("wrong", "true");
  for (const [wish, said] of [
    [`projekt=${folder}`, /does not ask for "projekt"|Did you mean "project"/],
    [`network=${folder}`, /"network" asks for no folder/],
    ["project=/nowhere/at/all", /nowhere/],
    ["project", /expected REQUEST=FOLDER/],
  ] as const) {
    const refused = await trial.skerry(["learn", "wrong", "--yes", "--folder", wish, "--", "-c", "echo ran"]);
    assert.notEqual(refused.code, 0);
    assert.equal(refused.stdout, "");
    assert.match(refused.stderr, said);
  }
});
