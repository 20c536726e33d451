/** Systems of their own: disk images behind the same outer wall, and what becomes of the owner's files. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { done, listed, processesSaying, until } from "./life.fixture.ts";
import { AS_IT_WAS, debianDisk, kernelPackage, smallDisk } from "./own-system.fixture.ts";
import { lacksForMachines, makeTrial } from "./trial.fixture.ts";

const QEMU_IMG = "/usr/bin/qemu-img";

const skip = lacksForMachines() || (existsSync(QEMU_IMG) ? false : "cannot here: qemu-img is not installed");
const trial = makeTrial();
after(async () => await trial.close());

/** Emulated, and on a machine with other work. */
const LIMIT_MS = 240_000;

const image = `${trial.files}/small.raw`;
const original = skip === false ? smallDisk(trial.files) : Buffer.alloc(0);
writeFileSync(image, original);
mkdirSync(`${trial.home}/config/deployments`, { recursive: true });
mkdirSync(`${trial.home}/config/recipes`, { recursive: true });
const RECIPE = "skerry: recipe/1\nsummary: An old system\nimage: disk\nmachine: { firmware: bios }\n";
writeFileSync(`${trial.home}/config/recipes/old-system.yaml`, RECIPE);

function deploy(name: string, disks: string): void {
  writeFileSync(
    `${trial.home}/config/deployments/${name}.yaml`,
    `skerry: deployment/1\nrecipe: old-system\nisolation: vm\nlimits: { memory: 256 MiB }\ndisks: ${disks}\n`,
  );
}

async function refused(name: string, disks: string): Promise<string> {
  deploy(name, disks);
  const { code, stderr } = await trial.skerry(["run", name]);
  assert.notEqual(code, 0);
  return stderr;
}

/** Starts it, waits until it is up, and switches it off by its button. @returns what it has said on its console */
async function bootAndEnd(name: string): Promise<string> {
  const before = (await trial.skerry(["logs", name])).stdout;
  const log = async () => (await done(trial, ["logs", name])).stdout.slice(before.length);
  await done(trial, ["start", "-q", name], { timeoutMs: LIMIT_MS });
  await until("it is up", async () => /^up$/m.test(await log()), LIMIT_MS);
  const [row] = (await listed(trial)).filter((one) => one.name === name);
  assert.equal(row?.state, "running");
  const stopped = await trial.client.call<{ readonly exitCode?: number }>("Stop", { name, graceMs: LIMIT_MS });
  assert.ok(stopped.ok, JSON.stringify(stopped));
  assert.equal(stopped.value.exitCode ?? 0, 0, "it has switched itself off");
  assert.deepEqual(processesSaying(`skerry-${row?.id ?? "none"}`), []);
  // Its last words go through a keeper of their own, which outlives it.
  await until("it has said its last word", async () => /^off$/m.test(await log()), LIMIT_MS);
  return await log();
}

test("a copy of a disk is what the system writes, and the file stays as it was", { skip }, async () => {
  deploy("copied", `{ system: { answer: copy, file: ${image} } }`);
  assert.match(await bootAndEnd("copied"), new RegExp(`^${AS_IT_WAS}$`, "m"));
  assert.deepEqual(readFileSync(image), original);
  assert.match(await bootAndEnd("copied"), /^changed inside$/m);
  assert.deepEqual(readFileSync(image), original);
  // What was written does not fit a file that has changed.
  utimesSync(image, 1, 1);
  const changed = await trial.skerry(["run", "copied"]);
  assert.match(changed.stderr, /was changed since/);
  assert.match(changed.stderr, /give the disk another name/);
});

test("a disk that is real is written, one that is a subset is not, and each by its own format", { skip }, async () => {
  const whole = `${trial.files}/whole.qcow2`;
  execFileSync(QEMU_IMG, ["convert", "-c", "-f", "raw", "-O", "qcow2", image, whole]);
  const content = () => {
    execFileSync(QEMU_IMG, ["convert", "-f", "qcow2", "-O", "raw", whole, `${whole}.raw`]);
    return readFileSync(`${whole}.raw`).toString("latin1", 512, 530);
  };
  const before = readFileSync(whole);
  deploy("written", `{ system: { answer: subset, file: ${whole} } }`);
  const { code, stdout } = await done(trial, ["run", "-q", "written"], { timeoutMs: LIMIT_MS });
  assert.equal(code, 0);
  assert.match(stdout, /refused/, "inside, the disk is read-only");
  assert.deepEqual(readFileSync(whole), before);
  deploy("written", `{ system: { answer: real, file: ${whole} } }`);
  assert.match(await bootAndEnd("written"), new RegExp(AS_IT_WAS));
  assert.match(content(), /^changed inside/);
});

test("an image that leads to another file of the host's, or is cut off, does not start", { skip }, async () => {
  const secret = `${trial.files}/secret`;
  writeFileSync(secret, "not granted\n".repeat(100));
  const below = `${trial.files}/below.qcow2`;
  execFileSync(QEMU_IMG, ["create", "-q", "-u", "-f", "qcow2", "-F", "raw", "-b", secret, below, "1M"]);
  for (const answer of ["real", "copy", "subset"])
    assert.match(
      await refused("hostile", `{ system: { answer: ${answer}, file: ${below} } }`),
      new RegExp(`names the file below it, "${secret}"; a disk image must not lead to other files`),
    );
  const data = `${trial.files}/data.qcow2`;
  execFileSync(QEMU_IMG, ["create", "-q", "-f", "qcow2", "-o", `data_file=${trial.files}/data`, data, "1M"]);
  assert.match(await refused("hostile", `{ system: { answer: real, file: ${data} } }`), /names another file for its/);
  const cut = `${trial.files}/cut.qcow2`;
  execFileSync(QEMU_IMG, ["convert", "-f", "raw", "-O", "qcow2", image, cut]);
  truncateSync(cut, readFileSync(cut).length - 70_000);
  assert.match(await refused("hostile", `{ system: { answer: copy, file: ${cut} } }`), /the end of .* is missing/);
  const disguised = `${trial.files}/disguised.img`;
  writeFileSync(disguised, readFileSync(below));
  assert.match(await refused("hostile", `{ system: { answer: real, file: ${disguised} } }`), /begins as a qcow2 image/);
  const noise = `${trial.files}/noise.qcow2`;
  writeFileSync(noise, "x".repeat(100_000));
  assert.match(await refused("hostile", `{ system: { answer: real, file: ${noise} } }`), /no disk image that can be/);
  assert.match(await refused("hostile", `{ system: { answer: real, file: ${trial.files} } }`), /does not say how/);
  assert.match(
    await refused("hostile", `{ system: { answer: real, file: ${trial.files}/none.raw } }`),
    /there is no .*none\.raw/,
  );
  assert.match(
    await refused(
      "hostile",
      `{ system: { answer: real, file: ${trial.home}/config/recipes/old-system.yaml, format: raw } }`,
    ),
    /lies in Skerry's own folders/,
  );
  assert.match(await refused("hostile", "{}"), /no disk is named/);
});

const FOR_UEFI = [
  "/usr/share/OVMF/OVMF_CODE_4M.fd",
  ...["/usr/bin/swtpm", "/usr/bin/busybox", "/usr/sbin/mkfs.vfat", "/usr/bin/mcopy"],
];
const lacking = FOR_UEFI.find((file) => !existsSync(file));
const skipUefi = skip || (lacking === undefined ? false : `cannot here: ${lacking} is not installed`);

test("UEFI starts Debian's kernel from a disk, which finds a TPM and switches itself off", {
  skip: skipUefi,
}, async (context) => {
  const kernel = kernelPackage();
  if (kernel === undefined) return context.skip("cannot here: no kernel was fetched for machines");
  const folder = `${trial.files}/debian`;
  mkdirSync(folder);
  const disk = debianDisk(kernel, folder);
  const before = readFileSync(disk);
  const recipe = "skerry: recipe/1\nsummary: A new system\nimage: disk\nmachine: { tpm: true }\n";
  writeFileSync(`${trial.home}/config/recipes/new-system.yaml`, recipe);
  writeFileSync(
    `${trial.home}/config/deployments/new.yaml`,
    `skerry: deployment/1\nrecipe: new-system\nisolation: vm\nlimits: { memory: 512 MiB }\ndisks: { system: { answer: copy, file: ${disk} } }\n`,
  );
  const { stdout } = await done(trial, ["run", "-q", "new"], { timeoutMs: LIMIT_MS });
  assert.match(stdout, /^Debian \S+ is up$/m);
  assert.match(stdout, /^it was started by UEFI$/m);
  assert.match(stdout, /^its TPM has version 2$/m);
  assert.match(stdout, /^its cards are lo$/m, "no network is granted");
  assert.match(stdout, /^its folders are$/m, "nor is a folder");
  assert.deepEqual(readFileSync(disk), before);
  const own = `${trial.home}/data/volumes/new/system/own`;
  assert.ok(existsSync(`${own}/variables`) && readdirSync(`${own}/tpm`).length > 0, "they remember");
});
