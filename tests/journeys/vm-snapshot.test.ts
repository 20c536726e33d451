/** Snapshots of virtual machines: one boot, and starts that go on from there and share nothing that must differ. */
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, readdirSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { after, test } from "node:test";
import { commandOf, done, json, killAgent, listed, processesSaying, recorded, until } from "./life.fixture.ts";
import { familyOf } from "./machine.fixture.ts";
import { lacksForMachines, makeTrial, VM_DEPLOYMENT } from "./trial.fixture.ts";

const skip = lacksForMachines();
const trial = makeTrial();
after(async () => await trial.close());

/** Emulated, and on a machine with other work. */
const timeoutMs = 240_000;

const folder = `${trial.files}/project`;
const secret = `${trial.files}/secret`;
mkdirSync(folder);
writeFileSync(`${folder}/given.txt`, "granted-to-copies-only\n");
writeFileSync(secret, "not-in-any-snapshot\n");
mkdirSync(`${trial.home}/config/deployments`, { recursive: true });
writeFileSync(
  `${trial.home}/config/deployments/one.yaml`,
  `${VM_DEPLOYMENT}limits: { memory: 256 MiB }
answers: { project: { answer: real, folder: ${folder} } }
secrets: { token: { file: ${secret} } }
`,
);

const templates = `${trial.home}/data/templates/one`;

/** Fields of one line each. */
const UNIQUE = ["urandom", "uuid", "boot", "machine", "host", "shell", "key"] as const;
const SCRIPT = `
  echo $(head -c 32 /dev/urandom | base64 -w0)
  cat /proc/sys/kernel/random/uuid /proc/sys/kernel/random/boot_id /etc/machine-id
  hostname 2>/dev/null || cat /proc/sys/kernel/hostname
  echo $SRANDOM$SRANDOM
  openssl ecparam -name prime256v1 -genkey -noout | base64 -w0; echo
  date +%s; cat /work/given.txt /run/secrets/token; read -r line; echo "read $line"; echo gone wrong >&2; exit 7`;

async function cloned() {
  const before = Date.now();
  const words = ["run", "--rm", "--quiet", "--clone", "one", "--", "-c", SCRIPT];
  const { stdout, stderr } = await done(trial, words, { timeoutMs, code: 7, input: "a line\n" });
  const lines = stdout.trim().split("\n");
  return { lines, stderr, before, until: Date.now() };
}

test("a start from a snapshot is refused where there is none, and where there is no machine", { skip }, async () => {
  const none = await trial.skerry(["run", "--clone", "one"]);
  assert.match(none.stderr, /one has no snapshot\n {2}skerry vm snapshot one makes one/);
  writeFileSync(`${trial.home}/config/deployments/box.yaml`, "skerry: deployment/1\nrecipe: dev-shell\n");
  for (const words of [
    ["run", "--clone", "box"],
    ["vm", "snapshot", "box"],
  ])
    assert.match((await trial.skerry(words)).stderr, /box has no machine of its own/);
  assert.match((await trial.skerry(["vm", "snapshot", "nobody"])).stderr, /there is no deployment named "nobody"/);
  assert.deepEqual(await json(trial, ["vm", "snapshots"]), []);
});

test("an agent that is killed while a machine is written down leaves nothing of it", { skip }, async () => {
  const child = trial.begin(["vm", "snapshot", "one"]);
  const building = `${trial.home}/data/store/building`;
  const halves = () =>
    (existsSync(building) ? readdirSync(building) : []).filter((name) => name.startsWith("template."));
  const half = await until("the machine is prepared", () => halves()[0], timeoutMs);
  const running = await until(
    "its VMM is up",
    () => {
      const [wall] = processesSaying(half);
      const family = wall === undefined ? [] : familyOf(wall);
      return family.some((pid) => commandOf(pid).includes("mem-path=/vm/template/memory")) && family;
    },
    timeoutMs,
  );
  await killAgent(trial);
  child.kill("SIGKILL");
  await until("nothing of it runs", () => running.every((pid) => commandOf(pid) === ""), timeoutMs);
  assert.deepEqual(await json(trial, ["vm", "snapshots"]), []);
  await until("what it left is swept", () => !existsSync(`${building}/${half}`), timeoutMs);
});

test("copies of one machine share no random number, identity or clock, and know nothing of a start", {
  skip,
}, async () => {
  await done(trial, ["vm", "snapshot", "-q", "one"], { timeoutMs });
  const [key = ""] = readdirSync(templates);
  for (const file of ["memory", "state"]) assert.equal(statSync(`${templates}/${key}/${file}`).mode & 0o777, 0o600);
  for (const text of ["not-in-any-snapshot", "granted-to-copies-only"])
    assert.equal(spawnSync("/usr/bin/grep", ["-aq", text, `${templates}/${key}/memory`]).status, 1, text);
  const before = statSync(`${templates}/${key}/memory`, { bigint: true });

  const copies = await Promise.all([cloned(), cloned()]);
  for (const { lines, stderr, before: began, until: ended } of copies) {
    const seconds = Number(lines[UNIQUE.length]);
    assert.ok(seconds >= Math.floor(began / 1000) - 1 && seconds <= ended / 1000 + 1, `its clock says ${seconds}`);
    assert.deepEqual(lines.slice(UNIQUE.length + 1), ["granted-to-copies-only", "not-in-any-snapshot", "read a line"]);
    assert.equal(stderr, "gone wrong\n");
  }
  for (const [index, what] of UNIQUE.entries()) {
    const [one = "", other = ""] = copies.map(({ lines }) => lines[index]);
    assert.ok(one.length > 0 && one !== other, `${what}: ${one} and ${other}`);
  }
  const after = statSync(`${templates}/${key}/memory`, { bigint: true });
  assert.deepEqual([after.ctimeNs, after.blocks], [before.ctimeNs, before.blocks], "no copy has written to it");
  const starts = (await recorded(trial)).filter(({ kind, facts }) => kind === "start" && facts["snapshot"] === key);
  assert.equal(starts.length, 2);
  const rows = JSON.stringify(await json(trial, ["vm", "snapshots"]));
  const bytes = Number(/^\[\{"name":"one",.*"bytes":(\d+),/.exec(rows)?.[1]);
  assert.ok(bytes > 10_000_000 && bytes < 256 * 1024 * 1024, rows);
});

test("a copy that does not end when it is asked has its machine switched off, and the record says so", {
  skip,
}, async () => {
  const script = "trap 'echo asked' TERM; echo up; while :; do sleep 0.1; done";
  await done(trial, ["start", "-q", "--clone", "one", "--", "-c", script], { timeoutMs });
  const logged = async (text: string) => (await done(trial, ["logs", "one"])).stdout.includes(text);
  await until("the app is up", async () => await logged("up"), timeoutMs);
  const rows = JSON.stringify(await json(trial, ["ps"]));
  assert.match(rows, /"clone":true/);
  const [row] = await listed(trial);
  const stopped = await trial.client.call<{ readonly exitCode?: number; readonly by?: string }>("Stop", {
    ...{ name: "one", graceMs: 5_000 },
  });
  assert.ok(stopped.ok, JSON.stringify(stopped));
  assert.deepEqual([stopped.value.exitCode, stopped.value.by], [137, "powered-off"]);
  const [stop] = (await recorded(trial, "one")).filter(({ kind }) => kind === "stop");
  assert.equal(stop?.facts["by"], "powered-off");
  assert.equal(processesSaying(row?.id ?? "none").length, 0);
});

test("a snapshot that has been changed is not used, and goes with its deployment", { skip }, async () => {
  const [key = ""] = readdirSync(templates);
  cpSync(templates, `${trial.home}/data/templates/two`, { recursive: true, preserveTimestamps: true });
  assert.match(
    JSON.stringify(await json(trial, ["vm", "snapshots"])),
    /"name":"two".*it is damaged/,
    "it is another's",
  );
  // A file as an argument is a folder more; that no new snapshot has it either is said.
  writeFileSync(`${trial.home}/config/deployments/two.yaml`, "skerry: deployment/1\nrecipe: ripgrep\nisolation: vm\n");
  const words = ["run", "--clone", "two", "--", "--count", "granted", `${folder}/given.txt`];
  const { stdout, stderr } = await done(trial, words, { timeoutMs });
  assert.equal(stdout, "1\n");
  assert.match(stderr, /two boots, .*no place for files that are named as arguments; grant their folder instead$/m);
  truncateSync(`${templates}/${key}/state`, 1000);
  const rows = await json(trial, ["vm", "snapshots"]);
  assert.match(JSON.stringify(rows), /its files have changed since it was made/);
  await done(trial, ["vm", "forget", "one"]);
  assert.ok(!existsSync(templates));
  assert.deepEqual(await listed(trial), []);
  assert.match((await trial.skerry(["vm", "forget", "one"])).stderr, /one has no snapshot/);
});
