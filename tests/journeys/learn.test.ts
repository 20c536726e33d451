/** Learn: what one run reaches with more than it was granted becomes exactly its grants, and the file stays until told. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, test } from "node:test";
import { done, json, until } from "./life.fixture.ts";
import { deployWithRules, makeNamedTrial, NO_NAMED_NETWORKS, tryInside } from "./named-network.fixture.ts";
import { endOf } from "./trial.fixture.ts";

const skip = NO_NAMED_NETWORKS;

const { trial, world } = await makeNamedTrial();
let port = 0;

before(async () => {
  port = await world.serve((socket) => socket.end("served"));
  for (const name of ["right.example.org", "other.example.org", "right.example.net"])
    world.names.set(name, [world.address]);
});

const CONNECT = (host: string, to: number) =>
  `python3 -c 'import socket; print(socket.create_connection(("${host}", ${to}), 30).recv(100).decode())'`;

const fileOf = (name: string) => `${trial.home}/config/deployments/${name}.yaml`;

const wide = (to: number) => `{ answer: subset, allow: [{ to: "*.example.org:${to}", private: yes }] }`;

test("what a run reached becomes exactly its rules, with the options of the rule that let it through", {
  skip,
}, async () => {
  deployWithRules(trial, world, "one", `${wide(port)} # so far all of it`);
  const text = readFileSync(fileOf("one"), "utf8");
  const learned = await done(trial, ["learn", "one", "--yes", "--", "-c", CONNECT("right.example.org", port)]);
  const rule = `{ to: "right.example.org:${port}", private: yes }`;
  assert.equal(learned.stdout, `served\nnetwork: { answer: subset, allow: [${rule}] }\n`);
  assert.match(learned.stderr, /gets more than it was granted.*\n.*every public name and address/);
  assert.equal(readFileSync(fileOf("one"), "utf8"), text, "nothing is written without a word");
  const words = ["learn", "one", "--yes", "--write", "--json", "--", "-c", CONNECT("right.example.org", port)];
  const written = await done(trial, words);
  assert.match(written.stderr, /^served$/m, "with --json the app's output is no part of the answer");
  const shown: unknown = JSON.parse(written.stdout);
  assert.ok(typeof shown === "object" && shown !== null && "answers" in shown && Array.isArray(shown.answers));
  assert.equal(shown.answers.length, 1);
  const after = readFileSync(fileOf("one"), "utf8");
  assert.ok(after.includes(rule) && !after.includes("*.example.org") && after.includes("# so far all of it"), after);
  const seen = await tryInside(trial, "one", [`tcp:right.example.org:${port}`, `tcp:other.example.org:${port}`]);
  assert.deepEqual(Object.values(seen), ["served", "no such name"]);
});

test("private addresses stay shut, and what was tried in vain is told", { skip }, async () => {
  deployWithRules(trial, world, "shut", "deny");
  const script = `${CONNECT("right.example.net", port)} 2>/dev/null; ${CONNECT(world.address, port)} 2>/dev/null; true`;
  const learned = await done(trial, ["learn", "shut", "--yes", "--", "-c", script]);
  assert.equal(learned.stdout, "network: deny\n");
  assert.match(learned.stderr, /it was not used/);
  assert.match(learned.stderr, new RegExp(`right\\.example\\.net:${port}/tcp: its address is (private|this host's)`));
  assert.match(learned.stderr, new RegExp(`${world.address.replaceAll(".", "\\.")}:${port}/tcp: `));
});

test("without the owner's word nothing is opened and nothing runs", { skip }, async () => {
  deployWithRules(trial, world, "asked", "deny");
  const refused = await trial.skerry(["learn", "asked", "--", "-c", "echo ran"]);
  assert.equal(refused.code, 64, refused.stderr);
  assert.equal(refused.stdout, "");
  assert.match(refused.stderr, /there is no terminal to ask on; add --yes/);
  const records = await done(trial, ["audit", "asked"]);
  assert.ok(!records.stdout.includes("start"), records.stdout);
});

test("a run that learns is seen as such, is on record, and a second one is refused", { skip }, async () => {
  deployWithRules(trial, world, "seen", "deny");
  const running = trial.begin(["learn", "seen", "--yes", "--", "-c", "sleep 1000"]);
  const ended = endOf(running, 120_000);
  await until("it learns", async () => /^seen +learning /m.test((await done(trial, ["ps"])).stdout));
  const second = await trial.skerry(["learn", "seen", "--yes"]);
  assert.notEqual(second.code, 0);
  assert.match(second.stderr, /runs already/);
  await done(trial, ["stop", "seen"]);
  const { stdout, code } = await ended;
  assert.equal(code, 0);
  assert.equal(stdout, "network: deny\n");
  const records = await json(trial, ["audit", "seen", "--json"]).catch(() => undefined);
  const lines = (await done(trial, ["audit", "seen"])).stdout;
  assert.match(lines, /learn {2}.*every public name and address/, String(records));
  assert.match(lines, /learned {2}.*network: deny/);
});

async function begunToLearn(name: string) {
  deployWithRules(trial, world, name, wide(port));
  const running = trial.begin(["learn", name, "--yes", "--", "-c", `sleep 1000`]);
  const ended = endOf(running, 120_000);
  await until("it learns", async () => new RegExp(`^${name} +learning `, "m").test((await done(trial, ["ps"])).stdout));
  return { running, ended };
}

test("when its agent is killed, the run is ended without any other, and nothing is proposed", { skip }, async () => {
  const { ended } = await begunToLearn("orphan");
  const info = await trial.client.call<{ readonly pid?: number }>("Info", {});
  assert.ok(info.ok && info.value.pid !== undefined);
  process.kill(info.value.pid, "SIGKILL");
  const { code, stderr, stdout } = await ended;
  assert.equal(code, 69, stderr);
  assert.equal(stdout, "");
  assert.match(stderr, /orphan was ended, since nobody watches it any more/);
  await until("its end", async () => !(await done(trial, ["ps"])).stdout.includes("orphan"));
  const record = await until(
    "what was learned",
    async () => /^.* learned .*$/m.exec((await done(trial, ["audit", "orphan"])).stdout)?.[0],
  );
  assert.match(record, /whole=?:? ?(no|false)/);
});

test("when agent and command are killed at once, the run is ended, too", { skip }, async () => {
  const { running, ended } = await begunToLearn("alone");
  const info = await trial.client.call<{ readonly pid?: number }>("Info", {});
  assert.ok(info.ok && info.value.pid !== undefined);
  process.kill(info.value.pid, "SIGKILL");
  running.kill("SIGKILL");
  await ended;
  await until("its end", async () => !(await done(trial, ["ps"])).stdout.includes("alone"));
});
