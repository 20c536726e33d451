/** A whole system that is suspended to the disk, and goes on from there: what it did, its folders, its clock, and what is refused. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { commandOf, done, killAgent, listed, processesSaying, recorded, until } from "./life.fixture.ts";
import { vmmOf } from "./machine.fixture.ts";
import { endOf, lacksForMachines, makeTrial, VM_DEPLOYMENT } from "./trial.fixture.ts";

/** With the packages of the catalogue's net VM, whose image the fetch phase has built. */
const RECIPE = `skerry: recipe/1
summary: A small whole system
packages: [systemd-sysv, nftables, iproute2, dnsmasq-base]
guest: system
programs: { system: { command: [/sbin/init], arguments: none } }
volumes: { data: { class: data, inside: /srv/data } }
requests:
  docs: { service: folder, why: to be read, need: optional, inside: /srv/docs }
`;

const trial = makeTrial();
after(async () => await trial.close());

/** Emulated, and on a machine with other work. */
const LIMIT_MS = 300_000;

const NAME = "net-vm";

async function deploy(docs: string, more = ""): Promise<void> {
  const text = `skerry: deployment/1\nrecipe: ${NAME}\nisolation: vm\n${more}answers: { docs: ${docs} }\n`;
  const saved = await trial.client.call("SaveDeployment", { name: NAME, text });
  assert.ok(saved.ok, JSON.stringify(saved));
}

const run = async (words: readonly string[], code = 0) => await done(trial, words, { timeoutMs: LIMIT_MS, code });
const inside = async (script: string) => (await run(["exec", NAME, "--", "sh", "-c", script])).stdout;
/** The VMM of a machine that goes on, stopped before it has. */
async function heldVmm(): Promise<number> {
  const begun = () =>
    processesSaying(`${trial.home}/run/compartments`)
      .map(vmmOf)
      .find((pid) => pid !== undefined && commandOf(pid).includes("-incoming"));
  const vmm = (await until("its VMM runs", begun, LIMIT_MS)) ?? assert.fail("no VMM");
  process.kill(vmm, "SIGSTOP");
  return vmm;
}

const enters = async () => (await trial.skerry(["exec", NAME, "--", "true"])).code === 0;

test("a whole system is suspended to the disk and goes on from there, with its folders, and the time of today", {
  skip: lacksForMachines(),
}, async () => {
  for (const folder of ["config/recipes", "config/deployments", "files/docs"])
    mkdirSync(`${trial.home}/${folder}`, { recursive: true });
  writeFileSync(`${trial.files}/docs/name`, "docs");
  writeFileSync(`${trial.home}/config/recipes/${NAME}.yaml`, RECIPE);
  writeFileSync(`${trial.home}/config/deployments/${NAME}.yaml`, `skerry: deployment/1\nrecipe: ${NAME}\n`);
  const docs = `{ answer: real, folder: "${trial.files}/docs" }`;
  await deploy(docs, "restart: always\n");
  await run(["start", "-q", NAME]);
  await until("it is entered", enters, LIMIT_MS);

  // Something that goes on, and nobody who holds a folder. Who is to be counted begins no other program there.
  const counter = `n=0; while :; do n=$((n+1)); echo $n >/run/count; sleep 0.2; done`;
  await inside(`echo kept >/srv/data/file; systemd-run --quiet --no-block --unit=counter sh -c '${counter}'`);
  await inside("systemd-run --quiet --no-block --unit=holder sh -c 'cd /srv/docs; : >/run/holds; exec sleep 1000'");
  await until("it holds", async () => (await inside("ls /run")).includes("holds"), LIMIT_MS);
  const held = await run(["vm", "suspend", NAME], 1);
  assert.match(held.stderr, /net-vm was not suspended, and runs on: programs in it hold something of \/srv\/docs: 1/);
  assert.equal(await inside("cat /srv/docs/name /srv/data/file; systemctl stop holder"), "docskept\n");

  const suspended = await run(["vm", "suspend", NAME]);
  assert.match(suspended.stdout, /net-vm is suspended, and takes \d+/);
  assert.deepEqual(await listed(trial), []);
  assert.match((await run(["vm", "suspended"])).stdout, /^net-vm +\d/m);
  const memory = `${trial.home}/state/suspended/${NAME}/memory`;
  assert.ok(existsSync(memory));

  // Nobody else starts it meanwhile, and an agent that came later knows of it.
  await trial.client.shutdown();
  assert.match(
    (await run(["run", "-q", NAME], 125)).stderr,
    /net-vm was suspended at .*only a start in the background/,
  );
  writeFileSync(`${trial.files}/docs/name`, "other");
  await deploy(docs, "limits: { memory: 512 MiB }\n");
  assert.match((await run(["start", "-q", NAME], 1)).stderr, /cannot go on .*limits.* are others by now/);
  await deploy(docs, "restart: always\n");

  // Its VMM is killed before it goes on: nothing is lost, and nobody tries it again and again.
  const fails = endOf(trial.begin(["start", "-q", NAME]), LIMIT_MS);
  process.kill(await heldVmm(), "SIGKILL");
  const failed = await fails;
  assert.equal(failed.code, 1, failed.stderr);
  assert.match(failed.stderr, /net-vm cannot go on .*does not answer/);
  await until("nothing runs", async () => (await listed(trial)).length === 0, LIMIT_MS);
  assert.ok(existsSync(memory));
  // The agent is killed then: the next one keeps what was kept until the machine answers.
  const left = endOf(trial.begin(["start", "-q", NAME]), LIMIT_MS);
  const vmm = await heldVmm();
  await killAgent(trial);
  await left;
  assert.equal((await listed(trial))[0]?.state, "running");
  assert.ok(existsSync(memory));
  process.kill(vmm, "SIGCONT");
  await until("it is let go", () => !existsSync(memory), LIMIT_MS);
  const before = Number(await inside("cat /run/count"));
  assert.ok(before > 1, "it has not booted");
  await until("it counts on", async () => Number(await inside("cat /run/count")) > before, LIMIT_MS);
  await until(
    "its folders are back",
    async () => (await inside("cat /srv/docs/name /srv/data/file")) === "otherkept\n",
    LIMIT_MS,
  );
  assert.equal(await inside("touch /srv/docs/new 2>/dev/null || echo read only"), "read only\n");
  assert.ok(Math.abs(Number(await inside("date +%s")) - Date.now() / 1000) < 120);
  assert.equal(await inside("echo new >/srv/data/file; systemctl is-active counter skerry-guest"), "active\nactive\n");
  assert.equal(readFileSync(`${trial.home}/data/volumes/${NAME}/data/file`, "utf8"), "new\n");

  // Its folders can be taken from it as before, and it can be suspended again, and let go.
  await deploy("deny", "restart: always\n");
  assert.equal(await inside("ls -A /srv/docs"), "");
  await run(["vm", "suspend", NAME]);
  // What cannot be read as a machine ends the start, which nobody tries again.
  writeFileSync(memory, "no machine");
  assert.match((await run(["start", "-q", NAME], 1)).stderr, /net-vm cannot go on .*does not answer/);
  // Its last words go through a keeper of their own, which outlives it.
  await until("its last words", async () => (await run(["logs", NAME])).stdout.includes("not go on: QEMU: "), LIMIT_MS);
  await until("nothing runs", async () => (await listed(trial)).length === 0, LIMIT_MS);
  await run(["vm", "discard", NAME]);
  assert.deepEqual((await run(["vm", "suspended", "--json"])).stdout.trim(), "[]");
  assert.match((await run(["vm", "discard", NAME], 1)).stderr, /net-vm is not suspended/);
  const kinds = (await recorded(trial, NAME)).map(({ kind }) => kind);
  assert.deepEqual(
    kinds.filter((kind) => /suspend|resume/.test(kind)),
    ["suspend", "resume", "suspend", "suspend-discard"],
  );
});

test("a machine with an app of ours is not suspended, and what is no machine neither", {
  skip: lacksForMachines(),
}, async () => {
  writeFileSync(`${trial.home}/config/deployments/app.yaml`, VM_DEPLOYMENT);
  writeFileSync(`${trial.home}/config/deployments/plain.yaml`, "skerry: deployment/1\nrecipe: dev-shell\n");
  for (const name of ["app", "plain"]) await run(["start", "-q", name, "--", "-c", "exec sleep 1000"]);
  assert.match(
    (await run(["vm", "suspend", "app"], 1)).stderr,
    /app cannot be suspended: its machine runs an app of ours/,
  );
  assert.match((await run(["vm", "suspend", "plain"], 1)).stderr, /plain has no machine of its own/);
  assert.match((await run(["vm", "suspend", "nobody"], 1)).stderr, /nobody/);
});
