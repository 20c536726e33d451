/** A disk that is full while a machine is written down: it is said, nothing half is left, and with room again all works. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, statfsSync, writeFileSync, writeSync } from "node:fs";
import { after, before, test } from "node:test";
import { commandOf, done, json, processesSaying, recorded, until } from "../journeys/life.fixture.ts";
import { vmmOf } from "../journeys/machine.fixture.ts";
import { endOf, lacksForMachines, makeTrial, type Trial, VM_DEPLOYMENT } from "../journeys/trial.fixture.ts";

const skip = process.getuid?.() === 0 ? lacksForMachines() : "cannot here: a small disk of one's own takes root";

/** Emulated, and on a machine with other work. */
const timeoutMs = 240_000;

const MEBIBYTE = 1024 * 1024;

let trial: Trial;

before(async () => {
  if (skip !== false) return;
  trial = makeTrial();
  const data = `${trial.home}/data`;
  act("mv", data, `${data}-before`);
  mkdirSync(data);
  act("mount", "-t", "tmpfs", "-o", "size=700m,mode=0755", "skerry-full", data);
  act("cp", "-a", `${data}-before/.`, data);
  mkdirSync(`${trial.home}/config/deployments`, { recursive: true });
  writeFileSync(`${trial.home}/config/deployments/one.yaml`, `${VM_DEPLOYMENT}limits: { memory: 256 MiB }\n`);
});

after(async () => {
  if (skip !== false) return;
  await trial.client.shutdown();
  spawnSync("/usr/bin/umount", ["-l", `${trial.home}/data`]);
  await trial.close();
});

function act(program: string, ...words: readonly string[]): void {
  const ended = spawnSync(`/usr/bin/${program}`, words);
  assert.equal(ended.status, 0, String(ended.stderr));
}

const filler = () => `${trial.home}/data/filler`;

/** Takes room until so much is left. */
function fill(leftMiB: number): void {
  const file = openSync(filler(), "a");
  const { bavail, bsize } = statfsSync(`${trial.home}/data`);
  for (let more = bavail * bsize - leftMiB * MEBIBYTE; more > 0; more -= MEBIBYTE)
    try {
      writeSync(file, Buffer.alloc(Math.min(more, MEBIBYTE)));
    } catch {
      break;
    }
  closeSync(file);
}

const halves = () => readdirSync(`${trial.home}/data/store/building`);

test("without room for a machine it is not begun to write it down", { skip }, async () => {
  fill(100);
  const { stderr } = await done(trial, ["vm", "snapshot", "one"], { timeoutMs, code: 1 });
  assert.match(stderr, /has room for \d+ MiB, and a snapshot may take 512\n.*skerry purge --unused/);
  assert.deepEqual(halves(), []);
  rmSync(filler());
});

test("a disk that is full in the middle of it leaves nothing of it, and is named", { skip }, async () => {
  const ended = endOf(trial.begin(["vm", "snapshot", "one"]), timeoutMs);
  await until(
    "its VMM runs",
    () =>
      processesSaying(`${trial.home}/run/compartments`).some((pid) => commandOf(vmmOf(pid) ?? 0).includes("mem-path=")),
    timeoutMs,
  );
  fill(0);
  const { code, stderr } = await ended;
  assert.notEqual(code, 0);
  assert.match(stderr, /has room for \d+ MiB/);
  assert.deepEqual(halves(), []);
  assert.deepEqual(await json(trial, ["vm", "snapshots"]), []);
  assert.equal((await recorded(trial)).filter(({ kind }) => kind === "snapshot").length, 0);
  await until("nothing of it runs", () => processesSaying(`${trial.home}/run/compartments`).length === 0, timeoutMs);
  rmSync(filler());
});

test("with room again it is written down, and starts go on from it", { skip }, async () => {
  await done(trial, ["vm", "snapshot", "-q", "one"], { timeoutMs });
  const { stdout, stderr } = await done(trial, ["run", "--clone", "one", "--", "-c", "echo ran"], { timeoutMs });
  assert.equal(stdout, "ran\n");
  assert.doesNotMatch(stderr, /boots/);
});
