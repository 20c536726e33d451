/** Learn, between a host with many addresses and a world around it: what is open for the run, and what stays of it. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { makeTwoNetworks, SKERRY, type TwoNetworks, whyNoNetworks } from "./network.fixture.ts";
import { makeTrial, type Trial } from "./trial.fixture.ts";

const skip = whyNoNetworks();

const SCRIPT = readFileSync(join(import.meta.dirname, "fixtures/named-network.py"), "utf8");

const PUBLIC = ["tcp:skerry.test:7777", "tcp:203.0.113.10:7777", "tcp:2001:db8::10:7777"];

const SHUT = ["tcp:10.99.0.1:7777", "tcp:203.0.113.1:7777", "tcp:169.254.10.1:7777", "udp:203.0.113.10:7777"];

let trial: Trial;
let networks: TwoNetworks | undefined;

before(async () => {
  if (skip !== undefined) return;
  trial = makeTrial();
  networks = await makeTwoNetworks(trial);
});

after(async () => {
  if (skip !== undefined) return;
  await networks?.close();
  await trial.close();
});

/** @returns what each target said, and the lines after that */
async function tryIn(words: readonly string[], targets: readonly string[]) {
  assert.ok(networks !== undefined);
  const inside = ["--", "-c", 'exec python3 - "$@"', "try", ...targets];
  const ended = await networks.onHost([SKERRY, ...words, "one", ...inside], SCRIPT);
  assert.equal(ended.code, 0, ended.stderr);
  const [json = "", ...lines] = ended.stdout.trim().split("\n");
  const seen: Readonly<Record<string, string>> = JSON.parse(json);
  return { seen: targets.map((target) => seen[target] ?? ""), lines };
}

test("all that is public is open for the run, and afterwards exactly what it reached", { skip }, async () => {
  mkdirSync(`${trial.home}/config/deployments`, { recursive: true });
  const text = "skerry: deployment/1\nrecipe: dev-shell\nisolation: container\nanswers: { network: deny }\n";
  writeFileSync(`${trial.home}/config/deployments/one.yaml`, text);
  const wide = await tryIn(["learn", "--quiet", "--yes", "--write"], [...PUBLIC, ...SHUT]);
  assert.deepEqual(wide.seen.slice(0, PUBLIC.length), ["198.51.100.10", "203.0.113.10", "2001:db8::10"]);
  for (const said of wide.seen.slice(PUBLIC.length)) assert.match(said, /^E(CONN|NET|HOST)/);
  const rules = '"203.0.113.10:7777", "[2001:db8::10]:7777", "skerry.test:7777"';
  assert.deepEqual(wide.lines, [`network: { answer: subset, allow: [${rules}] }`]);
  const narrow = await tryIn(["run", "--quiet"], [...PUBLIC, "tcp:198.51.100.10:7777", "tcp:skerry.test:7778"]);
  assert.deepEqual(narrow.seen.slice(0, PUBLIC.length), wide.seen.slice(0, PUBLIC.length));
  for (const said of narrow.seen.slice(PUBLIC.length)) assert.match(said, /^ECONN/);
});
