/** The agent can be killed at any time, and so can everything else: what runs goes on, and what has ended is known. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, afterEach, test } from "node:test";
import { killLoop } from "./kill-loop.fixture.ts";
import { commandOf, done, listed, type Listed, processesSaying, recorded, until } from "./life.fixture.ts";
import { endOf, environmentFor, makeTrial, ROOT } from "./trial.fixture.ts";

const trial = makeTrial();
after(async () => await trial.close());
afterEach(async () => {
  // It may have ended by itself meanwhile.
  for (const { name } of await listed(trial)) await trial.skerry(["kill", name]);
});

const newMark = () => `mark-${randomBytes(6).toString("hex")}`;

/** A background app that sleeps under a name of its own. */
async function startMarked(mark: string, name = "dev-shell"): Promise<Listed> {
  await done(trial, ["start", "-q", name, "--", "-c", `exec -a ${mark} sleep 1000`]);
  const row = (await listed(trial)).find((one) => one.name === name);
  assert.ok(row !== undefined);
  return row;
}

async function agentPid(): Promise<number> {
  const info = await trial.client.call<{ readonly pid?: number }>("Info", {});
  assert.ok(info.ok);
  return info.value.pid ?? 0;
}

async function killAgent(): Promise<number> {
  const pid = await agentPid();
  process.kill(pid, "SIGKILL");
  await until("the agent is gone", () => commandOf(pid) === "");
  return pid;
}

/** Agents of this trial alone: their lock lies in its folder. */
const agents = () => processesSaying(`${trial.home}/run/agent.lock`);

const runtimeFolders = () => readdirSync(`${trial.home}/run/compartments`);

test("after a kill of the agent what ran runs on, the next one adopts it, and stop works", async () => {
  const mark = newMark();
  const before = await startMarked(mark);
  const killed = await killAgent();
  assert.ok(existsSync(`${trial.home}/run/agent.sock`), "a killed agent leaves its socket behind");
  const [row] = await listed(trial);
  assert.notEqual(await agentPid(), killed);
  assert.deepEqual([row?.id, row?.pid, row?.state], [before.id, before.pid, "running"]);
  const adopted = (await recorded(trial, "dev-shell")).at(-1);
  assert.deepEqual([adopted?.kind, adopted?.facts["id"]], ["adopted", before.id]);
  await done(trial, ["exec", "dev-shell", "--", "true"]);
  assert.match((await done(trial, ["stop", "dev-shell"])).stdout, /exit code 143/);
  assert.deepEqual(processesSaying(mark), []);
  assert.deepEqual(runtimeFolders(), []);
});

test("what is frozen when the agent is killed is known to be frozen, and can be thawed", async () => {
  await startMarked(newMark());
  await done(trial, ["freeze", "dev-shell"]);
  await killAgent();
  assert.equal((await listed(trial))[0]?.state, "frozen");
  await done(trial, ["thaw", "dev-shell"]);
  await done(trial, ["exec", "dev-shell", "--", "true"]);
});

test("what ended while no agent ran is known with its exit code", async () => {
  const mark = newMark();
  await done(trial, [
    "start",
    "-q",
    "dev-shell",
    "--",
    "-c",
    `: ${mark}; until [ -e ~/data/end ]; do sleep 0.05; done; exit 33`,
  ]);
  await killAgent();
  writeFileSync(`${trial.home}/data/volumes/dev-shell/data/end`, "");
  await until("the app has ended", () => processesSaying(mark).length === 0);
  await done(trial, ["wait", "dev-shell"], { code: 33 });
  const last = (await recorded(trial, "dev-shell")).at(-1);
  assert.deepEqual([last?.kind, last?.facts["code"]], ["end", 33]);
  assert.deepEqual(runtimeFolders(), []);
});

test("a record that a killed agent has only half written hinders no later agent", async () => {
  await trial.client.shutdown();
  const folder = `${trial.home}/state/ended`;
  mkdirSync(folder, { recursive: true });
  for (const name of ["1-gone.0a0b0c0d.json.1a2b3c4d.tmp", "1-gone.0a0b0c0d.json"])
    writeFileSync(`${folder}/${name}`, "");
  await done(trial, ["ps", "--all"]);
  assert.ok(!readdirSync(folder).some((name) => name.endsWith(".tmp")));
});

test("an app in the foreground does not notice that the agent is killed", async () => {
  const child = trial.begin(["run", "-q", "dev-shell", "--", "-c", "echo ready; read line; echo got $line; exit 12"]);
  let said = "";
  child.stdout?.on("data", (piece) => (said += String(piece)));
  const ended = endOf(child, 60_000);
  await until("it is ready", () => said.includes("ready"));
  await killAgent();
  child.stdin?.end("this\n");
  assert.deepEqual([(await ended).code, said], [12, "ready\ngot this\n"]);
  await done(trial, ["wait", "dev-shell"], { code: 12 });
});

test("an app in the foreground outlives a kill of its command, and can be stopped", async () => {
  const mark = newMark();
  const child = trial.begin(["run", "-q", "dev-shell", "--", "-c", `echo ready; exec -a ${mark} sleep 1000`]);
  let said = "";
  child.stdout?.on("data", (piece) => (said += String(piece)));
  await until("it is ready", () => said.includes("ready") && processesSaying(`${mark} 1000`).length === 1);
  child.kill("SIGKILL");
  assert.equal((await listed(trial))[0]?.state, "running");
  assert.equal(processesSaying(`${mark} 1000`).length, 1);
  await done(trial, ["stop", "dev-shell"]);
  assert.deepEqual(processesSaying(mark), []);
});

test("a kill of the wall ends nothing that it should not, and hides nothing", async () => {
  const mark = newMark();
  const { id } = await startMarked(mark);
  for (const pid of processesSaying(`compartments/${id}/status`)) process.kill(pid, "SIGKILL");
  assert.equal((await listed(trial))[0]?.state, "running");
  await done(trial, ["exec", "dev-shell", "--", "true"]);
  await done(trial, ["stop", "dev-shell"]);
  assert.deepEqual(processesSaying(mark), []);
  assert.deepEqual(runtimeFolders(), []);
});

test("after a kill of everything the next command finds an end on record and nothing left", async () => {
  const mark = newMark();
  const { id, pid } = await startMarked(mark);
  const all = new Set([
    ...[...agents(), await agentPid(), ...processesSaying(mark), ...processesSaying(`compartments/${id}/`), pid],
  ]);
  for (const one of all) {
    try {
      process.kill(one, "SIGKILL");
    } catch {
      // It went with another one.
    }
  }
  await until(
    "all are gone",
    () => processesSaying(mark).length === 0 && [...all].every((one) => commandOf(one) === ""),
  );
  assert.deepEqual(await listed(trial), []);
  assert.deepEqual(runtimeFolders(), []);
  assert.equal((await recorded(trial, "dev-shell")).at(-1)?.kind, "end");
  assert.match((await done(trial, ["audit", "verify"])).stdout, /is whole/);
});

test("a start whose caller died before it made the wall is forgotten with it", async () => {
  const caller = spawn("sleep", ["1000"], { stdio: "ignore" });
  const wanted = { name: "dev-shell", directory: "/" };
  const launch = trial.client.stream(
    "Launch",
    { wanted, background: false, callerPid: caller.pid },
    AbortSignal.timeout(60_000),
  );
  for await (const _ of launch);
  assert.match((await done(trial, ["start", "-q", "dev-shell"], { code: 1 })).stderr, /runs already/);
  caller.kill("SIGKILL");
  await until("it can be started again", async () => (await trial.skerry(["start", "-q", "dev-shell"])).code === 0);
});

test("many first commands at once start one agent", async () => {
  await trial.client.shutdown();
  const before = (await recorded(trial)).filter(({ kind }) => kind === "agent-started").length;
  const asked = await Promise.all([1, 2, 3, 4, 5, 6].map(async () => await trial.skerry(["ps"])));
  assert.deepEqual(
    asked.map(({ code }) => code),
    [0, 0, 0, 0, 0, 0],
    JSON.stringify(asked),
  );
  // Who finds the lock taken ends by itself.
  await until("one agent is left", () => agents().length === 1);
  assert.equal((await recorded(trial)).filter(({ kind }) => kind === "agent-started").length, before + 1);
});

test("an agent that a quick command starts has the certificates that only fetching needs", async () => {
  await trial.client.shutdown();
  const file = "/etc/ssl/certs/no-such-file.crt";
  await done(trial, ["ps"], { environment: { NODE_EXTRA_CA_CERTS: file } });
  const environment = readFileSync(`/proc/${await agentPid()}/environ`, "utf8").split("\0");
  assert.ok(environment.includes(`NODE_EXTRA_CA_CERTS=${file}`));
});

test("an agent of older sources is replaced, and what runs is handed over", async () => {
  const program = `${trial.home}/program`;
  mkdirSync(program);
  for (const name of ["skerry", "package.json", "package-lock.json", "src", "recipes", "os-bases", "helper/build"])
    cpSync(join(ROOT, name), join(program, name), { recursive: true, preserveTimestamps: true });
  for (const name of ["node_modules", "helper/build/skerry-helper"]) {
    if (!existsSync(join(program, name))) symlinkSync(join(ROOT, name), join(program, name));
  }
  const skerry = async (...words: readonly string[]) => {
    const ended = await endOf(
      spawn(join(program, "skerry"), words, { env: environmentFor(trial.home), stdio: "pipe" }),
      60_000,
    );
    assert.equal(ended.code, 0, ended.stderr);
    return ended.stdout;
  };
  await skerry("start", "-q", "dev-shell", "--", "-c", "exec sleep 1000");
  const pidOf = () => {
    const found = processesSaying(`${program}/src/agent/main.ts`).filter(
      (pid) => !commandOf(pid).startsWith("/usr/bin/flock"),
    );
    assert.equal(found.length, 1, String(found.map(commandOf)));
    return found[0];
  };
  const first = pidOf();
  const same = await skerry("ps", "--json");
  assert.equal(pidOf(), first, "the same sources keep their agent");
  utimesSync(`${program}/src/result.ts`, new Date(), new Date());
  assert.equal(await skerry("ps", "--json"), same);
  assert.notEqual(pidOf(), first);
  // The other program again, which is another one as well.
  assert.deepEqual(await listed(trial), JSON.parse(same));
  assert.deepEqual(processesSaying(`${program}/src/agent/main.ts`), []);
});

test("what lies where the socket should be, and is none, is no obstacle", async () => {
  await trial.client.shutdown();
  writeFileSync(`${trial.home}/run/agent.sock`, "not a socket");
  assert.deepEqual(await listed(trial), []);
});

test("an agent that does not answer is named, and not waited for without end", async () => {
  const pid = await agentPid();
  process.kill(pid, "SIGSTOP");
  try {
    const { stderr } = await done(trial, ["ps"], { code: 69 });
    assert.match(stderr, /agent\.sock, and does not say who it is within 30 s\n.*fuser/);
  } finally {
    process.kill(pid, "SIGCONT");
  }
});

test("an agent whose folder is gone ends by itself and makes nothing anew", async () => {
  const pid = await agentPid();
  renameSync(`${trial.home}/run`, `${trial.home}/gone`);
  await until("it has ended", () => commandOf(pid) === "");
  assert.ok(!existsSync(`${trial.home}/run`));
});

test("a runtime folder that is not this user's alone is refused, and nothing in it is asked", async () => {
  await trial.client.shutdown();
  const run = `${trial.home}/run`;
  mkdirSync(run, { recursive: true });
  chmodSync(run, 0o777);
  assert.match((await done(trial, ["ps"], { code: 77 })).stderr, /run can be written by others; /);
  chmodSync(run, 0o700);
  if (process.getuid?.() === 0) {
    chownSync(run, 65_534, 65_534);
    assert.match((await done(trial, ["ps"], { code: 77 })).stderr, /run belongs to somebody else \(user id 65534\)/);
    chownSync(run, 0, 0);
  }
  assert.deepEqual(await listed(trial), []);
});

test("a home whose path is too long for a socket is refused with the way out", async () => {
  const long = `${trial.files}/${"long-".repeat(20)}`;
  const { stderr } = await done(trial, ["ps"], { code: 1, environment: { SKERRY_HOME: long } });
  assert.match(stderr, /too long for a socket: \d+ bytes, at most 107\n.*SKERRY_HOME/);
  assert.ok(!existsSync(long));
});

test("killed at random points, everything is repaired by the next command", async () => {
  await killLoop(trial, 6);
});
