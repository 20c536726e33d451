/** Machines that fail: killed, stuck, without memory, or begun by an agent that is gone. Nothing is lost, nothing is left. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { after, afterEach, test } from "node:test";
import { commandOf, done, json, killAgent, listed, processesSaying, recorded, until } from "./life.fixture.ts";
import { familyOf, vmmOf } from "./machine.fixture.ts";
import { endOf, lacksForMachines, makeTrial, VM_DEPLOYMENT } from "./trial.fixture.ts";

const skip = lacksForMachines();
const trial = makeTrial();
after(async () => await trial.close());

/** Emulated, and on a machine with other work. */
const timeoutMs = 240_000;

mkdirSync(`${trial.home}/config/deployments`, { recursive: true });

function deploy(name: string, more = ""): void {
  writeFileSync(`${trial.home}/config/deployments/${name}.yaml`, `${VM_DEPLOYMENT}${more}`);
}

const logged = async (name: string, text: string) => (await done(trial, ["logs", name])).stdout.includes(text);

/** Where each start of this trial's has its files. */
const starts = () => readdirSync(`${trial.home}/run/compartments`);

afterEach(async () => {
  if (skip !== false) return;
  await until("nothing of it runs", () => processesSaying(`${trial.home}/run/compartments`).length === 0, timeoutMs);
});

async function rowOf(name: string) {
  return (await listed(trial)).find((row) => row.name === name) ?? assert.fail(`${name} does not run`);
}

test("a machine that this host has no memory for does not start, and it is said what can be done", {
  skip,
}, async () => {
  deploy("large", "limits: { memory: 1 TiB }\n");
  const { stdout, stderr } = await done(trial, ["run", "-q", "large", "--", "-c", "echo started"], {
    ...{ timeoutMs, code: 125 },
  });
  assert.equal(stdout, "");
  assert.match(stderr, /the virtual machine failed:.*[^]*this host has not the memory for it: .*limits\.memory/);
  assert.deepEqual(await json(trial, ["ps"]), []);
});

test("a machine whose VMM is killed has ended, with why, and starts again with all that its app had kept", {
  skip,
}, async () => {
  deploy("killed");
  const script = "cat data/kept 2>/dev/null; echo kept >>data/kept; sync; echo up; exec sleep 1000";
  await done(trial, ["start", "-q", "killed", "--", "-c", script], { timeoutMs });
  await until("it is up", async () => await logged("killed", "up"), timeoutMs);
  const { pid } = await rowOf("killed");
  const family = familyOf(pid);
  process.kill(vmmOf(pid) ?? assert.fail("no VMM"), "SIGKILL");
  await until("it has ended", async () => (await listed(trial)).length === 0, timeoutMs);
  assert.deepEqual(
    family.filter((one) => commandOf(one) !== ""),
    [],
  );
  const [past] = (await listed(trial, ["--all"])).filter(({ name }) => name === "killed");
  assert.equal(past?.exitCode, 125);
  const why = "it ended before the app did (SIGKILL)\nsomebody killed it, or this host had no memory";
  // Its last words go through a keeper of their own, which outlives it.
  await until("its last words", async () => await logged("killed", why), timeoutMs);
  const ends = (await recorded(trial, "killed")).filter(({ kind }) => kind === "end" || kind === "stop");
  assert.equal(ends.length, 1, JSON.stringify(ends));
  assert.deepEqual(starts(), []);
  const again = await done(trial, ["run", "-q", "killed", "--", "-c", "cat data/kept"], { timeoutMs });
  assert.equal(again.stdout, "kept\n");
});

test("an agent that is killed while a machine boots loses nothing of it", { skip }, async () => {
  deploy("booting");
  const script = "trap 'exit 3' TERM; echo up; while :; do sleep 0.2; done";
  const child = trial.begin(["start", "-q", "booting", "--", "-c", script]);
  const ended = endOf(child, timeoutMs);
  await until(
    "its VMM runs",
    () => processesSaying(`${trial.home}/run/compartments`).some((pid) => vmmOf(pid) !== undefined),
    timeoutMs,
  );
  await killAgent(trial);
  await ended;
  const { state, pid } = await rowOf("booting");
  assert.equal(state, "running");
  await until("it is up", async () => await logged("booting", "up"), timeoutMs);
  // What a machine does not do is not done by asking its app: it stands still, and is ended all the same.
  process.kill(vmmOf(pid) ?? assert.fail("no VMM"), "SIGSTOP");
  const stopped = await trial.client.call<{ readonly exitCode?: number; readonly by?: string }>("Stop", {
    ...{ name: "booting", graceMs: 1000 },
  });
  assert.ok(stopped.ok, JSON.stringify(stopped));
  assert.deepEqual([stopped.value.exitCode, stopped.value.by], [137, "killed"]);
  assert.deepEqual(starts(), []);
});

test("a snapshot of another QEMU is not used, an agent that is killed meanwhile loses nothing, and a copy goes on without one", {
  skip,
}, async () => {
  deploy("copied", "limits: { memory: 256 MiB }\n");
  await done(trial, ["vm", "snapshot", "-q", "copied"], { timeoutMs });
  const folder = `${trial.home}/data/templates/copied`;
  const record = `${folder}/${readdirSync(folder)[0]}/snapshot.json`;
  const text = readFileSync(record, "utf8");

  // The agent goes as soon as the copy's VMM is there; who asked for the start may not hear of it.
  const script = "trap 'exit 3' TERM; echo up; while :; do sleep 0.2; done";
  const started = endOf(trial.begin(["start", "-q", "--clone", "copied", "--", "-c", script]), timeoutMs);
  const restoring = () =>
    processesSaying(`${trial.home}/run/compartments`).some((pid) => commandOf(vmmOf(pid) ?? 0).includes("-incoming"));
  await until("its VMM runs", restoring, timeoutMs);
  await killAgent(trial);
  await started;
  assert.equal((await rowOf("copied")).state, "running");
  await until("it is up", async () => await logged("copied", "up"), timeoutMs);
  assert.match(JSON.stringify(await json(trial, ["ps"])), /"clone":true/);
  const stopped = await trial.client.call<{ readonly exitCode?: number }>("Stop", {
    ...{ name: "copied", graceMs: 120_000 },
  });
  assert.ok(stopped.ok && stopped.value.exitCode === 3, JSON.stringify(stopped));

  const other = text.replace(/"version":"[^"]*"/, '"version":"1.2.3"').replace(/("identity":\{"device":")/, "$19");
  assert.notEqual(other, text);
  writeFileSync(record, other);
  const boots = await done(trial, ["run", "--clone", "copied", "--", "-c", "echo booted"], { timeoutMs });
  assert.match(
    boots.stderr,
    /copied boots, and does not go on from its snapshot: it was made by \S+ 1\.2\.3, and here is/,
  );
  assert.equal(boots.stdout, "booted\n");
  const [last] = (await recorded(trial, "copied")).filter(({ kind }) => kind === "start").slice(-1);
  assert.equal(last?.facts["snapshot"], undefined);
  rmSync(record);
  assert.match(JSON.stringify(await json(trial, ["vm", "snapshots"])), /it is damaged/);
});
