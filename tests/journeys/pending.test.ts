/** Updates of a recipe: what it asks for anew waits for its owner, and nothing is ever let in unasked. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { done, json, recorded } from "./life.fixture.ts";
import { makeTrial } from "./trial.fixture.ts";

const trial = makeTrial();
after(async () => await trial.close());

const DEPLOYMENT = `${trial.home}/config/deployments/dev-shell.yaml`;
const catalogue = readFileSync(`${import.meta.dirname}/../../recipes/dev-shell.yaml`, "utf8");
const [head = ""] = catalogue.split("\nrequests:");

/** The owner's own recipe of that name, made of the same packages: only what it asks for changes. */
function asksFor(requests: readonly string[]): void {
  mkdirSync(`${trial.home}/config/recipes`, { recursive: true });
  const lines = requests.length === 0 ? ["requests: {}"] : ["requests:", ...requests.map((line) => `  ${line}`)];
  writeFileSync(`${trial.home}/config/recipes/dev-shell.yaml`, `${head}\n${lines.join("\n")}\n`);
}

const WORK = "work: { service: folder, why: to work on, verbs: [read], inside: /work }";
const WIDER = "work: { service: folder, why: to work on, verbs: [read, write], inside: /work }";
const MORE = "more: { service: folder, why: more to work on, verbs: [read], inside: /more }";
const REQUIRED = "key: { service: folder, why: the keys, need: required, verbs: [read], inside: /key }";

const inside = async (script: string, code = 0) =>
  await done(trial, ["run", "dev-shell", "--", "-c", script], { code });

function answer(text: string): void {
  const before = readFileSync(DEPLOYMENT, "utf8");
  const name = text.split(":")[0] ?? "";
  const rest = before.split("\n").filter((line) => !line.startsWith(`  ${name}: `));
  writeFileSync(DEPLOYMENT, rest.join("\n").replace(/^answers:.*$/m, `answers:\n  ${text}`));
}

async function pending(): Promise<readonly string[]> {
  const rows = await json(trial, ["pending", "dev-shell"]);
  assert.ok(Array.isArray(rows));
  return rows.map(({ request, change }) => `${request} ${change}`);
}

test("an update that wants to write is not let to, until its owner accepts it", async () => {
  asksFor([WORK]);
  await done(trial, ["deploy", "dev-shell"]);
  mkdirSync(`${trial.files}/work`, { mode: 0o777 });
  answer(`work: { answer: real, folder: ${trial.files}/work }`);
  await inside("test -d /work && ! touch /work/x 2>/dev/null");
  assert.deepEqual(await pending(), []);
  asksFor([WIDER]);
  const text = readFileSync(DEPLOYMENT, "utf8");
  const first = await inside("! touch /work/x 2>/dev/null");
  assert.match(first.stderr, /work \(wider\).*skerry pending dev-shell \(said once\)/);
  const second = await inside("! touch /work/x 2>/dev/null");
  assert.doesNotMatch(second.stderr, /wider/);
  assert.deepEqual(await pending(), ["work wider"]);
  assert.equal(readFileSync(DEPLOYMENT, "utf8"), text);
  await done(trial, ["pending", "dev-shell", "--accept", "work"]);
  assert.deepEqual(await pending(), []);
  await inside("touch /work/x");
  assert.equal(readFileSync(DEPLOYMENT, "utf8"), text);
  const kinds = (await recorded(trial, "dev-shell")).map(({ kind }) => kind);
  assert.ok(kinds.includes("pending") && kinds.includes("pending-settled"), kinds.join(" "));
});

test("a new optional request is denied, said by build and start, and waits until it is dismissed", async () => {
  asksFor([WIDER, MORE]);
  const built = await done(trial, ["build", "dev-shell"]);
  assert.match(built.stderr, /more \(new\)/);
  const started = await inside('test -z "$(ls -A /more 2>/dev/null)" && touch /work/y');
  assert.match(started.stderr, /more \(new\).*said once/);
  assert.deepEqual(await pending(), ["more new"]);
  const refused = await done(trial, ["pending", "dev-shell", "--accept", "more"], { code: 1 });
  assert.match(refused.stderr, /has no answer.*\n.*under answers:.*\n +more: \{ answer: subset/);
  await done(trial, ["pending", "dev-shell", "--dismiss"]);
  assert.deepEqual(await pending(), []);
});

test("a new required request refuses the start with the line that answers it; written, the line clears it", async () => {
  asksFor([WIDER, MORE, REQUIRED]);
  const refused = await done(trial, ["run", "dev-shell", "--", "-c", "true"], { code: 125 });
  assert.match(refused.stderr, /needs "key" \(the keys\).*\n.*\n +key: \{ answer: subset, folder: /);
  assert.deepEqual(await pending(), ["key new"]);
  answer("key: empty");
  await inside("test -d /key");
  assert.deepEqual(await pending(), []);
});

test("a request that has vanished is reported; its answer gives nothing and stops nothing", async () => {
  const text = readFileSync(DEPLOYMENT, "utf8");
  asksFor([MORE]);
  await inside("test ! -e /work && test ! -e /key");
  assert.deepEqual((await pending()).toSorted(), ["key vanished", "work vanished"]);
  const shown = await done(trial, ["pending"]);
  assert.match(shown.stdout, /dev-shell work: take work out of the answers/);
  assert.equal(readFileSync(DEPLOYMENT, "utf8"), text);
  await done(trial, ["pending", "dev-shell", "--dismiss"]);
  assert.deepEqual(await pending(), []);
});
