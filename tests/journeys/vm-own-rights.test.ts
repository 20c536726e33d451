/** What a system of its own can be granted, seen from inside: a network by rules, folders by name, a screen. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { done, listed, until } from "./life.fixture.ts";
import { makeNamedTrial, NO_NAMED_NETWORKS } from "./named-network.fixture.ts";
import { debianDisk, kernelPackage } from "./own-system.fixture.ts";
import { lacksForMachines } from "./trial.fixture.ts";

const NEEDED = [
  ...["/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/bin/busybox", "/usr/sbin/mkfs.vfat", "/usr/bin/mcopy"],
  "/usr/bin/xz",
];
const lacking = NEEDED.find((file) => !existsSync(file));
const skip =
  lacksForMachines() || NO_NAMED_NETWORKS || (lacking !== undefined && `cannot here: ${lacking} is not installed`);

/** Emulated, and on a machine with other work. */
const LIMIT_MS = 240_000;

const { trial, world } = await makeNamedTrial();

/** Says what becomes of each target, and what folders hold; then waits until its picture was taken. */
function script(right: number, wrong: number): string {
  return `
b=/bin/busybox
$b ip link set lo up
$b ip link set eth0 up
$b udhcpc -i eth0 -n -q -t 20 -T 1 -s /lease >/dev/null 2>&1
echo "its address is" $($b ip -4 -o addr show dev eth0 | $b awk '{ print $4 }')
look() { $b nslookup "$1" 2>/dev/null | $b awk '/^Name/ { named = 1 } named && /^Address.*198\\./ { print $NF; exit }'; }
# A host that stands still for a while does not answer in time.
address() { for again in 1 2 3 4 5; do at=$(look "$1"); [ -z "$at" ] || break; done; echo "$at"; }
# They say nothing, and do not say that they will not.
$b mkfifo /silent
exec 9<>/silent
try() { echo "$1: $($b nc -w 60 "$2" "$3" <&9 2>&1 | $b head -n 1)"; }
try right "$(address right.example.org)" ${right}
try "right at another port" "$(address right.example.org)" ${wrong}
try "right by its address" ${world.address} ${right}
echo "wrong: [$(address wrong.example.org)]"
for folder in read write copied; do
  $b mkdir "/mnt/$folder"
  $b mount -t 9p -o trans=virtio,version=9p2000.L "$folder" "/mnt/$folder"
done
echo "it reads $($b cat /mnt/read/note)"
echo changed 2>/dev/null >/mnt/read/note || echo "it cannot write there"
echo "written inside" >/mnt/write/made
echo "it sees $($b cat /mnt/copied/note)"
echo "changed inside" >/mnt/copied/note
echo "its screen is" $($b ls /sys/bus/pci/devices/*/boot_vga | $b wc -l)
echo ready
while [ ! -e /mnt/write/seen ]; do $b sleep 1; done
`;
}

test("a system of its own has the network, the folders and the screen that it is granted, and no more", {
  skip,
}, async (context) => {
  const kernel = kernelPackage();
  if (kernel === undefined) return context.skip("cannot here: no kernel was fetched for machines");
  const right = await world.serve((socket) => socket.end("the right one\n"));
  const wrong = await world.serve((socket) => socket.end("the wrong one\n"));
  for (const name of ["right", "wrong"]) world.names.set(`${name}.example.org`, [world.address]);
  const { home, files } = trial;
  for (const folder of ["debian", "read", "write", "copied"]) mkdirSync(`${files}/${folder}`);
  for (const folder of ["read", "copied"]) writeFileSync(`${files}/${folder}/note`, "what is granted\n");
  const disk = debianDisk(kernel, `${files}/debian`, script(right, wrong));
  mkdirSync(`${home}/config/deployments`, { recursive: true });
  writeFileSync(`${home}/config/settings.yaml`, `skerry: settings/1\ndns: ["${world.dns}"]\n`);
  writeFileSync(
    `${home}/config/deployments/foreign.yaml`,
    `skerry: deployment/1
recipe: own-system
isolation: vm
limits: { memory: 512 MiB }
disks: { system: { answer: copy, file: ${disk} } }
requests:
  read: { service: folder, why: to read, need: optional }
  write: { service: folder, why: to write, need: optional, verbs: [read, write] }
  copied: { service: folder, why: to change, need: optional, verbs: [read, write] }
answers:
  network: { answer: subset, allow: [{ to: "right.example.org:${right}", private: yes }] }
  display: fake
  read: { answer: real, folder: ${files}/read }
  write: { answer: real, folder: ${files}/write }
  copied: { answer: copy, folder: ${files}/copied }
`,
  );
  await done(trial, ["start", "-q", "foreign"], { timeoutMs: LIMIT_MS });
  const log = async () => (await done(trial, ["logs", "foreign"])).stdout;
  await until("it has tried everything", async () => /^ready$/m.test(await log()), LIMIT_MS);
  const said = await log();
  assert.match(said, /^its cards are eth0 lo$/m);
  assert.match(said, /^its address is 198\.18\.0\.2\/24$/m);
  assert.match(said, /^right: the right one$/m);
  assert.match(said, /^right at another port: nc: .*refused$/m);
  assert.match(said, /^right by its address: nc: .*refused$/m);
  assert.match(said, /^wrong: \[\]$/m);
  assert.match(said, /^it reads what is granted$/m);
  assert.match(said, /^it cannot write there$/m);
  assert.equal(readFileSync(`${files}/read/note`, "utf8"), "what is granted\n");
  assert.equal(readFileSync(`${files}/write/made`, "utf8"), "written inside\n");
  assert.match(said, /^it sees what is granted$/m);
  assert.equal(readFileSync(`${files}/copied/note`, "utf8"), "what is granted\n");
  assert.match(said, /^its screen is 1$/m);
  const picture = `${files}/screen.png`;
  await done(trial, ["screenshot", "foreign", picture]);
  assert.equal(readFileSync(picture).toString("latin1", 1, 4), "PNG");
  const entered = await trial.skerry(["exec", "foreign", "--", "true"]);
  assert.notEqual(entered.code, 0);
  assert.match(entered.stderr, /no program can be run in later/);
  writeFileSync(`${files}/write/seen`, "");
  await until("it has switched itself off", async () => (await listed(trial)).length === 0, LIMIT_MS);
  const { stdout } = await done(trial, ["changes", "foreign", "--diff"]);
  assert.match(stdout, /changed inside/);
});
