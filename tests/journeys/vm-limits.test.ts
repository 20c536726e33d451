/** Limits of virtual machines, seen from inside and from the host: what an app has given back is the host's again. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { commandOf, done, listed, until } from "./life.fixture.ts";
import { vmmOf } from "./machine.fixture.ts";
import { debianDisk, kernelPackage } from "./own-system.fixture.ts";
import { lacksForMachines, makeTrial, VM_DEPLOYMENT } from "./trial.fixture.ts";

const skip = lacksForMachines();
const trial = makeTrial();
after(async () => await trial.close());

/** Emulated, and on a machine with other work. */
const timeoutMs = 240_000;

mkdirSync(`${trial.home}/config/deployments`, { recursive: true });

function deploy(name: string, more: string): void {
  writeFileSync(`${trial.home}/config/deployments/${name}.yaml`, `${VM_DEPLOYMENT}${more}`);
}

/** Of the VMM behind this wall, which is the largest of its processes. */
async function residentMiB(name: string): Promise<number> {
  const [row] = (await listed(trial)).filter((one) => one.name === name);
  assert.ok(row !== undefined, `${name} runs`);
  const parents = new Map<number, number>();
  for (const pid of readdirSync("/proc").filter((one) => /^\d+$/.test(one)))
    parents.set(Number(pid), Number(/^PPid:\s(\d+)$/m.exec(statusOf(pid))?.[1] ?? 0));
  const above = (pid: number): readonly number[] => (pid === 0 ? [] : [pid, ...above(parents.get(pid) ?? 0)]);
  const sizes = [...parents.keys()]
    .filter((pid) => above(pid).includes(row.pid))
    .map((pid) => Number(/^VmRSS:\s+(\d+) kB$/m.exec(statusOf(pid))?.[1] ?? 0));
  return Math.max(...sizes) / 1024;
}

function statusOf(pid: number | string): string {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return "";
  }
}

test("memory that an app in a machine has given back is the host's again", { skip }, async () => {
  deploy("hungry", "limits: { memory: 768 MiB }\n");
  const script = `head -c ${400 << 20} /dev/zero >/tmp/held && echo held; exec sleep 1000`;
  await done(trial, ["start", "-q", "hungry", "--", "-c", script], { timeoutMs });
  const logged = async (text: string) => (await done(trial, ["logs", "hungry"])).stdout.includes(text);
  await until("it holds its memory", async () => await logged("held"), timeoutMs);
  const holding = await residentMiB("hungry");
  assert.ok(holding > 400, `${holding} MiB`);
  await done(trial, ["exec", "hungry", "--", "/bin/rm", "/tmp/held"], { timeoutMs });
  await until("the host has it", async () => (await residentMiB("hungry")) < holding - 300, timeoutMs);
  await done(trial, ["kill", "hungry"]);
});

/** The words that its VMM was started with, a moment after the wall. */
async function wordsOf(name: string): Promise<string> {
  const [row] = (await listed(trial)).filter((one) => one.name === name);
  assert.ok(row !== undefined, `${name} runs`);
  return commandOf(await until(`the VMM of ${name} runs`, () => vmmOf(row.pid), timeoutMs));
}

const BOX = `requests:
  box: { service: folder, why: to write, need: optional, verbs: [read, write], inside: /mnt/box }
  other: { service: folder, why: to write, need: optional, verbs: [read, write], inside: /mnt/other }
`;

/**
 * Bytes in a second, by the machine's own steady clock: a host with other work makes that less, and never more. The time of
 * day is set anew in a machine whose host stood still.
 */
const MEASURE = `
now() { read -r up _ </proc/uptime; echo "\${up/./}0"; }
rate() {
  began=$(now)
  dd bs=1M count=16 "$@" 2>/dev/null || echo failed
  echo "$NAME $((16 * 1048576 * 1000 / ($(now) - began)))"
}
NAME=write rate if=/dev/zero of=/mnt/box/made
NAME=read rate if=/mnt/box/made of=/dev/null
echo measured
exec sleep 1000`;

test("a machine reads and writes no faster than its limit says, and without one nothing is in its way", {
  skip,
}, async () => {
  for (const folder of ["box", "other"]) mkdirSync(`${trial.files}/${folder}`);
  const answers = `answers: { box: { answer: real, folder: ${trial.files}/box }, other: { answer: real, folder: ${trial.files}/other } }\n`;
  deploy(
    "slow",
    `${BOX}${answers}limits: { io: { read: 4 MiB/s, write: 2 MiB/s, read-ops: 5000, write-ops: 4000 } }\n`,
  );
  const told = (await done(trial, ["describe", "slow", "--effective"])).stdout;
  assert.match(told, /^limit io: read: 4 MiB\/s, write: 2 MiB\/s, read-ops: 5000, write-ops: 4000; for all disks/m);
  assert.match((await done(trial, ["plan", "slow"])).stdout, /throttling\.bps-write=2097152/);
  await done(trial, ["start", "-q", "slow", "--", "-c", MEASURE], { timeoutMs });
  const log = async () => (await done(trial, ["logs", "slow"])).stdout;
  await until("it has measured", async () => /^(measured|failed)$/m.test(await log()), timeoutMs);
  const said = await log();
  const rate = (what: string) => Number(new RegExp(`^${what} (\\d+)$`, "m").exec(said)?.[1] ?? Number.NaN);
  // A little more passes at first.
  assert.ok(rate("write") < 3 << 20, said);
  assert.ok(rate("read") < 5 << 20, said);
  const words = await wordsOf("slow");
  const limits =
    "throttling.bps-read=4194304,throttling.bps-write=2097152,throttling.iops-read=5000,throttling.iops-write=4000";
  assert.equal(
    words.split(limits).length,
    words.split(/ -drive | -fsdev /).length,
    "it counts for each disk and folder",
  );
  assert.equal(words.split(`throttling.group=io,${limits}`).length, words.split(" -drive ").length, words);
  await done(trial, ["kill", "slow"]);
  deploy("fast", `${BOX}${answers}`);
  await done(trial, ["start", "-q", "fast", "--", "-c", "exec sleep 1000"], { timeoutMs });
  await until("it is up", async () => (await listed(trial)).some((one) => one.name === "fast"), timeoutMs);
  assert.ok(!(await wordsOf("fast")).includes("throttling"));
  await done(trial, ["kill", "fast"]);
});

test("a running machine is asked for memory by hand, has it back, and never more than it was started with", {
  skip,
}, async () => {
  deploy("asked", "limits: { memory: 640 MiB }\n");
  await done(trial, ["start", "-q", "asked", "--", "-c", "exec sleep 1000"], { timeoutMs });
  const inside = async () => {
    const { stdout } = await done(trial, ["exec", "asked", "--", "/bin/grep", "MemTotal", "/proc/meminfo"], {
      timeoutMs,
    });
    return Number(/\d+/.exec(stdout)?.[0]) / 1024;
  };
  const seen = async (...size: readonly string[]) =>
    JSON.parse((await done(trial, ["vm", "memory", "asked", ...size, "--json"], { timeoutMs })).stdout);
  const before = await inside();
  assert.ok(before > 512, String(before));
  assert.deepEqual(await seen(), { name: "asked", memoryMiB: 640, mostMiB: 640 });
  await seen("320MiB");
  await until("it has given it back", async () => (await seen()).memoryMiB === 320, timeoutMs);
  assert.ok((await inside()) < 320);
  await seen("640MiB");
  await until("it has it again", async () => (await seen()).memoryMiB === 640, timeoutMs);
  assert.equal(await inside(), before);
  for (const [size, says] of [
    ["641MiB", /can have 192 MiB to 640 MiB/],
    ["1MiB", /can have 192 MiB to 640 MiB/],
    ["much", /is no size/],
    ["0MiB", /is no size/],
  ] as const) {
    const { code, stderr } = await trial.skerry(["vm", "memory", "asked", size]);
    assert.notEqual(code, 0);
    assert.match(stderr, says);
  }
  assert.match((await done(trial, ["audit", "--json"])).stdout, /"machine-memory".*320/);
  await done(trial, ["kill", "asked"]);
  assert.match((await trial.skerry(["vm", "memory", "asked"])).stderr, /does not run|not run/);
});

const FOR_UEFI = [
  ...["/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/bin/busybox", "/usr/sbin/mkfs.vfat", "/usr/bin/mcopy"],
  "/usr/bin/xz",
];
const lacking = FOR_UEFI.find((file) => !existsSync(file));

/** Reads from two disks at once. */
const BOTH = `
b=/bin/busybox
$b mount -t devtmpfs dev /dev 2>/dev/null
now() { $b awk '{ print int($1 * 1000) }' /proc/uptime; }
began=$(now)
$b dd if=/dev/vda of=/dev/null bs=1M count=16 2>/dev/null &
$b dd if=/dev/vdb of=/dev/null bs=1M count=16 2>/dev/null
wait
echo "both read $((32 * 1048576 / ($(now) - began) * 1000))"
`;

test("the disks of a system of its own share one budget", {
  skip: skip || (lacking !== undefined && `cannot here: ${lacking} is not installed`),
}, async (context) => {
  const kernel = kernelPackage();
  if (kernel === undefined) return context.skip("cannot here: no kernel was fetched for machines");
  mkdirSync(`${trial.files}/debian`);
  const disk = debianDisk(kernel, `${trial.files}/debian`, BOTH);
  writeFileSync(
    `${trial.home}/config/deployments/shared.yaml`,
    `skerry: deployment/1
recipe: own-system
isolation: vm
limits: { memory: 512 MiB, io: { read: 6 MiB/s }, disk: 64 MiB }
disks: { system: { answer: subset, file: ${disk} }, more: { answer: empty, size: 64 MiB } }
`,
  );
  const { stdout } = await done(trial, ["run", "-q", "shared"], { timeoutMs });
  const rate = Number(/^both read (\d+)/m.exec(stdout)?.[1] ?? Number.NaN);
  // With a budget for each it would be twice as much.
  assert.ok(rate > 0 && rate < 8 << 20, stdout);
});
