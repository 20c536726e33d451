/** Snapshots of a system's own disks: kept, brought back and let go, while its machine is off. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { done, until } from "./life.fixture.ts";
import { AS_IT_WAS, smallDisk } from "./own-system.fixture.ts";
import { lacksForMachines, makeTrial } from "./trial.fixture.ts";

const QEMU_IMG = "/usr/bin/qemu-img";
const QEMU_IO = "/usr/bin/qemu-io";

const skip = lacksForMachines() || (existsSync(QEMU_IMG) ? false : "cannot here: qemu-img is not installed");
const trial = makeTrial();
after(async () => await trial.close());

/** Emulated, and on a machine with other work. */
const LIMIT_MS = 240_000;

const DEPLOYMENT = (disks: string) =>
  `skerry: deployment/1\nrecipe: old\nisolation: vm\nlimits: { memory: 256 MiB }\ndisks: ${disks}\n`;

const own = `${trial.home}/data/volumes/kept/system/own`;

async function refused(words: readonly string[], because: RegExp): Promise<void> {
  const { code, stderr } = await trial.skerry(words);
  assert.notEqual(code, 0, words.join(" "));
  assert.match(stderr, because);
}

/** For QEMU's programs. What lies below is named as it is seen in the machine, and is left out. */
function nodeOf(disk: string): string {
  const file = { driver: "file", filename: `${own}/${disk}.qcow2` };
  return `json:${JSON.stringify({ driver: "qcow2", file, backing: null })}`;
}

/** @returns what the second sector of the system's disk says */
function second(): string {
  const out = `${trial.files}/content`;
  execFileSync(QEMU_IMG, ["convert", "-O", "raw", nodeOf("system"), out]);
  return readFileSync(out).toString("latin1", 512, 526);
}

async function audited(): Promise<string> {
  return (await done(trial, ["audit", "--json"])).stdout;
}

test("what a system has written comes and goes with snapshots of its disks", { skip }, async () => {
  const image = `${trial.files}/small.raw`;
  writeFileSync(image, smallDisk(trial.files));
  for (const folder of ["deployments", "recipes"]) mkdirSync(`${trial.home}/config/${folder}`, { recursive: true });
  writeFileSync(
    `${trial.home}/config/recipes/old.yaml`,
    "skerry: recipe/1\nsummary: An old system\nimage: disk\nmachine: { firmware: bios }\n",
  );
  const file = `${trial.home}/config/deployments/kept.yaml`;
  const system = `system: { answer: copy, file: ${image} }`;
  const work = "work: { answer: empty, size: 1 MiB }";
  writeFileSync(file, DEPLOYMENT(`{ ${system}, ${work} }`));
  await refused(["disk", "snapshot", "kept"], /has no disk of its own yet/);

  // It writes its disk, and waits for its button.
  const child = trial.begin(["run", "-q", "kept"]);
  let said = "";
  child.stdout?.on("data", (piece) => (said += String(piece)));
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  await until(
    () => `it is up: ${said}`,
    () => /^up$/m.test(said),
    LIMIT_MS,
  );
  assert.match(said, new RegExp(AS_IT_WAS));
  await refused(["disk", "snapshot", "kept", "early"], /kept runs, and writes its disks; no snapshot was made/);
  await refused(["disk", "restore", "kept", "early"], /skerry stop kept/);
  await done(trial, ["stop", "kept"], { timeoutMs: LIMIT_MS });
  await ended;
  assert.match(second(), /^changed inside/);

  const made = JSON.parse((await done(trial, ["disk", "snapshot", "kept", "after", "--json", "-q"])).stdout);
  assert.deepEqual([made.name, made.label, made.disks], ["kept", "after", ["system", "work"]]);
  const byTime = (await done(trial, ["disk", "snapshot", "kept", "-q"])).stdout;
  assert.match(byTime, /snapshot "at-\d{8}-\d{6}" of system, work/);
  await refused(["disk", "snapshot", "kept", "after"], /have a snapshot "after" already/);
  for (const label of ["1", "-x", "A", "../x", "a".repeat(41), "a b"])
    await refused(["disk", "snapshot", "kept", "--", label], /is no label for a snapshot/);
  await refused(["disk", "snapshot", "nobody"], /there is no deployment named/);

  // Each of the two snapshots can hold as much as the disks, which have 2 MiB.
  const limited = (size: string) =>
    writeFileSync(file, DEPLOYMENT(`{ ${system}, ${work} }`).replace("256 MiB }", `256 MiB, disk: ${size} }`));
  limited("7 MiB");
  await refused(["disk", "snapshot", "kept", "more"], /could take 8 MiB, and its limit on disk is 7 MiB/);
  limited("5 MiB");
  await refused(["run", "kept"], /can take 6 MiB \(system 3 MiB, work 3 MiB\), and the limit is 5 MiB/);
  writeFileSync(file, DEPLOYMENT(`{ ${system}, ${work} }`));

  // As if the system had written since then.
  execFileSync(QEMU_IO, ["-c", "write -P 0x6c 512 512", nodeOf("system")], { stdio: "ignore" });
  assert.match(second(), /^llll/);

  // A restore that came to no end.
  writeFileSync(`${trial.home}/data/volumes/kept/system/restoring`, "after");
  await refused(["run", "kept"], /of different times.*\n.*skerry disk restore kept after/);
  await refused(["disk", "snapshot", "kept", "more"], /of different times/);
  const back = (await done(trial, ["disk", "restore", "kept", "after"])).stdout;
  assert.match(back, /system, work of kept: back to "after"/);
  assert.ok(!existsSync(`${trial.home}/data/volumes/kept/system/restoring`));
  assert.match(second(), /^changed inside/);
  if (process.getuid?.() === 0) assert.equal(statSync(`${own}/system.qcow2`).uid, 0, "it is its owner's");

  // One that does not hold all disks that there are by now.
  rmSync(`${own}/work.qcow2`);
  execFileSync(QEMU_IMG, ["create", "-q", "-f", "qcow2", `${own}/work.qcow2`, "1M"]);
  await refused(["disk", "restore", "kept", "after"], /does not hold work/);
  assert.match((await done(trial, ["disk", "snapshots", "kept"])).stdout, /after .*does not hold work/);
  await done(trial, ["disk", "forget", "kept", "after"]);
  await refused(["disk", "restore", "kept", "after"], /have no snapshot "after"\n {2}they have at-/);
  const listed = JSON.parse((await done(trial, ["disk", "snapshots", "--json"])).stdout);
  assert.equal(listed.length, 1);

  // A tampered file is told by a reader of ours, before another program opens it.
  const secret = `${trial.files}/secret`;
  writeFileSync(secret, "not granted");
  rmSync(`${own}/work.qcow2`);
  execFileSync(QEMU_IMG, ["create", "-q", "-u", "-f", "qcow2", "-F", "raw", "-b", secret, `${own}/work.qcow2`, "1M"]);
  await refused(["disk", "snapshot", "kept", "hostile"], /was tampered with/);
  const records = await audited();
  for (const kind of ["disk-snapshot", "disk-restore", "disk-forget"]) assert.match(records, new RegExp(`"${kind}"`));

  writeFileSync(file, "skerry: deployment/1\nrecipe: ripgrep\n");
  await refused(["disk", "snapshot", "kept"], /kept is no system of its own/);
});
