/** What the kernel refuses in a network by names: at once, on record by name, and by the rules that hold, whoever is killed. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { test } from "node:test";
import { done, json, killAgent, recorded, until } from "./life.fixture.ts";
import { deployWithRules, makeNamedTrial, NO_NAMED_NETWORKS, tryInside } from "./named-network.fixture.ts";

const skip = NO_NAMED_NETWORKS;

const { trial, world } = await makeNamedTrial();
const one = await world.serve((socket) => {
  socket.on("data", (piece) => socket.write(piece));
  socket.on("end", () => socket.end());
  socket.write("first\n");
});
const two = await world.serve((socket) => socket.end("second\n"));
world.names.set("right.example.org", [world.address]);

const rules = (...ports: readonly number[]) =>
  `{ answer: subset, allow: [${ports.map((port) => `{ to: "right.example.org:${port}", private: yes }`).join(", ")}] }`;

function write(name: string, answer: string): void {
  const file = `${trial.home}/config/deployments/${name}.yaml`;
  writeFileSync(file, readFileSync(file, "utf8").replace(/^ {2}network: .*$/m, `  network: ${answer}`));
}

async function begin(name: string, answer: string): Promise<void> {
  deployWithRules(trial, world, name, answer);
  await done(trial, ["start", "--quiet", name, "--", "-c", "sleep 1000"]);
}

/** What a program inside gets at that port. */
async function tryIn(name: string, port: number): Promise<string> {
  const code = `
import socket
try:
    print(socket.create_connection(("right.example.org", ${port}), 30).recv(100).decode().strip() or "closed")
except OSError as error:
    print(type(error).__name__)
`;
  return (await done(trial, ["exec", name, "--", "python3", "-c", code])).stdout.trim();
}

test("what an app was refused in its last moment is on record, by name", { skip }, async () => {
  deployWithRules(trial, world, "short", rules(one));
  const seen = await tryInside(trial, "short", [
    `tcp:right.example.org:${two}`,
    "tcp:203.0.113.7:443",
    "udp:203.0.113.7:53",
  ]);
  for (const [target, said] of Object.entries(seen)) assert.equal(said, "ECONNREFUSED", target);
  const told = await until("its records", async () => {
    const records = (await recorded(trial, "short")).filter(({ kind }) => kind === "net-refused");
    return records.length === 3 && records.map(({ facts }) => [facts["to"], facts["because"]]);
  });
  const expected = [
    ["203.0.113.7:443/tcp", "no rule names it"],
    ["203.0.113.7:53/udp", "no rule names it"],
    [`right.example.org:${two}/tcp`, "it is granted with another port or protocol"],
  ];
  assert.deepEqual(
    new Map(told.map(([to, because]) => [to, because])),
    new Map(expected.map(([to, because]) => [to, because])),
  );
});

test("a record says which program it was, and where the rule is written that decided", { skip }, async () => {
  const denied = `{ to: "wrong.example.org:${one}", answer: deny }`;
  const wide = `{ to: "*.example.org:${one}", private: yes }`;
  await begin("told", `\n    answer: subset\n    allow:\n      - ${wide}\n      - ${denied}`);
  world.names.set("wrong.example.org", [world.address]);
  const code = `
import socket
for name in "right.example.org", "wrong.example.org", "absent.example.net":
    try:
        socket.create_connection((name, ${one}), 30).recv(100)
    except OSError:
        pass
`;
  // Only the first that is allowed is looked for, and on a busy machine in vain.
  const told = await until("its records", async () => {
    await done(trial, ["exec", "told", "--", "python3", "-c", code]);
    const records = (await recorded(trial, "told")).filter(({ kind }) => kind.startsWith("net-"));
    const known = records.filter(({ facts }) => String(facts["program"]).startsWith("/usr/bin/python3"));
    const targets = new Map(records.map(({ facts }) => [facts["to"], facts]));
    return targets.size === 3 && known.length >= 2 && targets;
  });
  const of = (to: string) => [told.get(to)?.["because"], told.get(to)?.["rule"], told.get(to)?.["at"]];
  const file = "deployments/told.yaml";
  assert.deepEqual(of(`right.example.org:${one}/tcp`), [`*.example.org:${one}`, undefined, `${file}:8`]);
  const rule = `wrong.example.org:${one}`;
  assert.deepEqual(of(`${rule}/tcp`), ["a rule denies it", rule, `${file}:9`]);
  assert.deepEqual(of("absent.example.net (name)"), ["no rule names it", undefined, undefined]);
  await done(trial, ["kill", "told"]);
});

test("who knocks at thousands of doors is refused at each, and its owner is told how often", { skip }, async () => {
  await begin("knocking", rules(one));
  const knock = `
import socket
refused = 0
for port in range(1, 3001):
    try:
        socket.create_connection(("203.0.113.7", port), 30)
    except ConnectionRefusedError:
        refused += 1
print(refused)
`;
  assert.equal((await done(trial, ["exec", "knocking", "--", "python3", "-c", knock])).stdout, "3000\n");
  const shown = await json(trial, ["net", "knocking"]);
  assert.ok(typeof shown === "object" && shown !== null && "others" in shown && "targets" in shown);
  assert.ok(Array.isArray(shown.targets));
  assert.equal(Number(shown.others) + shown.targets.length, 3000, "asked for, it is looked for at once");
  assert.equal(await tryIn("knocking", one), "first", "what is granted is reached meanwhile");
  await done(trial, ["kill", "knocking"]);
});

test("what is granted to a running app is open at once, what is revoked is shut, and the rest goes on", {
  skip,
}, async () => {
  await begin("live", rules(one));
  const hold = `
import socket, sys
client = socket.create_connection(("right.example.org", ${one}), 30)
client.recv(100)
print("held", flush=True)
for line in sys.stdin:
    client.sendall(line.encode())
    print(client.recv(100).decode().strip(), flush=True)
`;
  const holder = trial.begin(["exec", "live", "--", "python3", "-c", hold]);
  const ended = new Promise((resolve) => holder.once("close", resolve));
  let said = "";
  holder.stdout?.on("data", (piece) => (said += String(piece)));
  await until("the connection", () => said.includes("held"));
  assert.equal(await tryIn("live", two), "ConnectionRefusedError");
  write("live", rules(one, two));
  await done(trial, ["apply", "live"]);
  assert.equal(await tryIn("live", two), "second");
  write("live", rules(one));
  await done(trial, ["apply", "live"]);
  assert.equal(await tryIn("live", two), "ConnectionRefusedError");
  holder.stdin?.write("still\n");
  await until("the connection that was made before", () => said.includes("still"));
  holder.stdin?.end();
  await ended;
  await done(trial, ["kill", "live"]);
});

test("an agent that is killed at any point of a change leaves rules that the next one makes whole", {
  skip,
}, async () => {
  await begin("killed", rules(one));
  const knocked = async () =>
    (await recorded(trial, "killed")).filter(({ facts }) => facts["to"] === "203.0.113.9:9/tcp");
  const knock = "import socket; print(socket.socket().connect_ex(('203.0.113.9', 9)))";
  assert.equal((await done(trial, ["exec", "killed", "--", "python3", "-c", knock])).stdout, "111\n");
  await until("its record", async () => (await knocked()).length === 1);
  for (const [index, afterMs] of [0, 20, 40, 70, 110].entries()) {
    const granted = index % 2 === 0;
    write("killed", granted ? rules(one, two) : rules(one));
    const applied = trial.skerry(["apply", "killed"]);
    await pause(afterMs);
    await killAgent(trial);
    await applied;
    await done(trial, ["apply", "killed"]);
    const story = `what is granted, after a kill at ${afterMs} ms`;
    await until(story, async () => (await tryIn("killed", one)) === "first");
    await until(story, async () => (await tryIn("killed", two)) === (granted ? "second" : "ConnectionRefusedError"));
  }
  await done(trial, ["kill", "killed"]);
  assert.equal((await knocked()).length, 1, "what one agent has told is not told again by the next");
});
