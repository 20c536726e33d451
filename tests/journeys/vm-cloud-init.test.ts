/** Data for cloud-init: a system of its own finds it on a small disk, as a cloud image looks for it. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { commandOf, done, listed, until } from "./life.fixture.ts";
import { vmmOf } from "./machine.fixture.ts";
import { debianDisk, kernelPackage, smallDisk } from "./own-system.fixture.ts";
import { lacksForMachines, makeTrial } from "./trial.fixture.ts";

const NEEDED = [
  ...["/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/bin/busybox", "/usr/sbin/mkfs.vfat", "/usr/bin/mcopy"],
  "/usr/bin/xz",
];
const lacking = NEEDED.find((file) => !existsSync(file));
const skip = lacksForMachines() || (lacking !== undefined && `cannot here: ${lacking} is not installed`);

const skipOld = lacksForMachines() || (existsSync("/usr/bin/as") ? false : "cannot here: binutils are not installed");

const trial = makeTrial();
after(async () => await trial.close());

/** Emulated, and on a machine with other work. */
const LIMIT_MS = 240_000;

/** Looks for the disk by its label, as cloud-init does: where an ISO 9660 has it. */
const SCRIPT = `
b=/bin/busybox
$b mount -t devtmpfs dev /dev 2>/dev/null
seed=
for disk in /dev/vd?; do [ "$($b tail -c +32809 "$disk" | $b head -c 6)" = cidata ] && seed=$disk; done
echo "its seed is [$seed]"
[ -n "$seed" ] && $b mount -t iso9660 -o ro "$seed" /mnt && {
  echo "its files are" $($b ls /mnt)
  $b cat /mnt/meta-data
  $b cat /mnt/user-data
  echo over 2>/dev/null | $b dd of="$seed" 2>/dev/null && $b sync && echo "it could write there"
  $b mount | $b grep " /mnt "
}
`;

const deployment = `${trial.home}/config/deployments/cloud.yaml`;
const seed = `${trial.home}/data/volumes/cloud/system/seed.iso`;
const userData = `${trial.files}/user-data`;
let disk = "";

function deploy(more: string): void {
  writeFileSync(
    deployment,
    `skerry: deployment/1\nrecipe: own-system\nisolation: vm\nlimits: { memory: 512 MiB }\ndisks: { system: { answer: copy, file: ${disk} } }\n${more}`,
  );
}

async function booted(): Promise<string> {
  return (await done(trial, ["run", "-q", "cloud"], { timeoutMs: LIMIT_MS })).stdout.replaceAll("\r", "");
}

test("a system is told its name and its owner's data, cannot change them, and without a word of them has none", {
  skip,
}, async (context) => {
  const kernel = kernelPackage();
  if (kernel === undefined) return context.skip("cannot here: no kernel was fetched for machines");
  mkdirSync(`${trial.home}/config/deployments`, { recursive: true });
  mkdirSync(`${trial.files}/debian`);
  disk = debianDisk(kernel, `${trial.files}/debian`, SCRIPT);
  writeFileSync(userData, "#cloud-config\nssh_authorized_keys: [made for a test]\n", { mode: 0o600 });
  deploy(`cloud-init: { user-data: ${userData} }\n`);
  const said = await booted();
  assert.match(said, /^its seed is \[\/dev\/vd[a-z]\]$/m);
  assert.match(said, /^its files are meta-data user-data$/m);
  assert.match(said, /^instance-id: cloud-[0-9a-f]{32}$/m);
  assert.match(said, /^local-hostname: cloud$/m);
  assert.match(said, /^ssh_authorized_keys: \[made for a test\]$/m);
  assert.doesNotMatch(said, /could write there/);
  assert.ok(readFileSync(seed).includes("made for a test"));
  const id = /^instance-id: .*$/m.exec(said)?.[0];

  // The next start has what is written then, and is the same instance.
  writeFileSync(userData, "#cloud-config\nlocale: de_DE.UTF-8\n");
  deploy(`cloud-init: { user-data: ${userData}, host-name: other.example.org }\n`);
  const next = await booted();
  assert.equal(/^instance-id: .*$/m.exec(next)?.[0], id);
  assert.match(next, /^local-hostname: other\.example\.org$/m);
  assert.match(next, /^locale: de_DE\.UTF-8$/m);
  assert.doesNotMatch(next, /made for a test/);

  // Without a word of it there is no such disk, and what was written is gone from this host.
  deploy("");
  assert.match(await booted(), /^its seed is \[\]$/m);
  assert.ok(!existsSync(seed));
});

test("a file that cannot be handed on is refused by name, and so are such data for an app", { skip }, async () => {
  mkdirSync(`${trial.home}/config/deployments`, { recursive: true });
  const large = `${trial.files}/large`;
  writeFileSync(large, "x".repeat(256 * 1024 + 1));
  for (const [file, says] of [
    [`${trial.files}/none`, /data for cloud-init of astray: there is no .*none/],
    [trial.files, /is no plain file/],
    ["/dev/zero", /is no plain file/],
    [large, /has more than 256 KiB/],
    [`${trial.home}/config/deployments/astray.yaml`, /lies in Skerry's own folders/],
  ] as const) {
    writeFileSync(
      `${trial.home}/config/deployments/astray.yaml`,
      `skerry: deployment/1\nrecipe: own-system\nisolation: vm\ndisks: { new: { answer: empty, size: 1 MiB } }\ncloud-init: { user-data: ${file} }\n`,
    );
    const { code, stderr } = await trial.skerry(["run", "astray"]);
    assert.notEqual(code, 0, file);
    assert.match(stderr, says);
  }
  writeFileSync(deployment, "skerry: deployment/1\nrecipe: dev-shell\ncloud-init: {}\n");
  const { code, stderr } = await trial.skerry(["run", "cloud", "--", "-c", "true"]);
  assert.notEqual(code, 0);
  assert.match(stderr, /is no system of its own/);
});

test("an older machine has them as a disc, which every system knows", { skip: skipOld }, async () => {
  mkdirSync(`${trial.home}/config/recipes`, { recursive: true });
  mkdirSync(`${trial.home}/config/deployments`, { recursive: true });
  const image = `${trial.files}/old.raw`;
  writeFileSync(image, smallDisk(trial.files));
  writeFileSync(
    `${trial.home}/config/recipes/old.yaml`,
    "skerry: recipe/1\nsummary: An old system\nimage: disk\nmachine: { firmware: bios, devices: emulated }\n",
  );
  writeFileSync(
    `${trial.home}/config/deployments/old.yaml`,
    `skerry: deployment/1\nrecipe: old\nisolation: vm\nlimits: { memory: 256 MiB, io: { read: 50 MiB/s } }\ndisks: { system: { answer: copy, file: ${image} } }\ncloud-init: {}\n`,
  );
  await done(trial, ["start", "-q", "old"], { timeoutMs: LIMIT_MS });
  await until("it is up", async () => /^up$/m.test((await done(trial, ["logs", "old"])).stdout), LIMIT_MS);
  const [row] = (await listed(trial)).filter((one) => one.name === "old");
  const words = commandOf(vmmOf(row?.pid ?? 0) ?? 0);
  assert.match(words, /"filename":"\/vm\/disk-cidata","read-only":true/);
  assert.match(words, /ide-cd,bus=ide\.1,drive=disk1\.rate,bootindex=2/);
  await done(trial, ["kill", "old"]);
});
