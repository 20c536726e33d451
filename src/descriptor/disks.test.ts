import assert from "node:assert/strict";
import { test } from "node:test";
import type { Deployment } from "../model/index.ts";
import { parseDeployment } from "./deployment.ts";
import { parseRecipe } from "./recipe.ts";
import { writeDeployment, writeRecipe } from "./write.ts";

const RECIPE = "skerry: recipe/1\nsummary: x\nimage: disk\n";

function recipe(more: string) {
  return parseRecipe(`${RECIPE}${more}`, { file: "x.yaml", name: "x" });
}

function deployment(disks: string) {
  const text = `skerry: deployment/1\nrecipe: x\nisolation: vm\ndisks: ${disks}\n`;
  return parseDeployment(text, { file: "x.yaml", name: "x" }, { home: "/home/owner" });
}

function said(read: ReturnType<typeof recipe> | ReturnType<typeof deployment>): string {
  return read.ok ? "" : read.problem.complaints.map(({ line, message }) => `${line}: ${message}`).join("\n");
}

test("a system of its own is a recipe without packages and programs", () => {
  const read = recipe("machine: { firmware: bios, devices: emulated, tpm: true }\n");
  assert.ok(read.ok, said(read));
  assert.deepEqual(read.value.system, { firmware: "bios", devices: "emulated", tpm: true });
  assert.deepEqual(read.value.packages, []);
  const plain = recipe("");
  assert.ok(plain.ok);
  assert.deepEqual(plain.value.system, { firmware: "uefi", devices: "virtio", tpm: false });
  for (const each of [read.value, plain.value]) {
    const again = parseRecipe(writeRecipe(each), { file: "x.yaml", name: "x" });
    assert.deepEqual(again.ok && again.value, each);
  }
});

test("what a system of its own cannot have is refused by name, and what an app must have is missed", () => {
  assert.match(said(recipe("packages: [ripgrep]\n")), /^4: packages: a system of its own/);
  assert.match(said(recipe("ready: { port: 80 }\n")), /^4: ready: a system of its own/);
  assert.match(said(recipe("machine: { firmwear: bios }\n")), /not a key of a machine. Did you mean "firmware"/);
  const app = (text: string) =>
    said(parseRecipe(`skerry: recipe/1\nsummary: x\n${text}`, { file: "x.yaml", name: "x" }));
  assert.match(app("packages: [ripgrep]\n"), /programs: missing/);
  assert.match(app("programs: { rg: /usr/bin/rg }\n"), /packages: missing. Write a list of package names/);
  assert.match(
    app("packages: []\nprograms: { rg: /usr/bin/rg }\nmachine: { tpm: true }\n"),
    /machine goes with image: disk/,
  );
});

test("disks read as their values, and are written as they are read", () => {
  const read = deployment(`
  system: { answer: copy, file: ~/images/debian.qcow2 }
  install: { answer: subset, file: /srv/netinst.iso }
  data: { answer: real, file: ~/data, format: raw }
  scratch: { answer: empty, size: 20 GiB }
  old: { answer: deny, file: ~/old.vdi }`);
  assert.ok(read.ok, said(read));
  const { disks = {} } = read.value;
  assert.deepEqual(Object.keys(disks), ["system", "install", "data", "scratch", "old"]);
  assert.deepEqual(disks["system"], {
    ...{ answer: "copy", file: "/home/owner/images/debian.qcow2", format: "qcow2", written: false },
    ...{ sizeBytes: undefined, as: "disk" },
  });
  assert.equal(disks["install"]?.as, "cdrom");
  assert.equal(disks["scratch"]?.sizeBytes, 20 * 1024 ** 3);
  const system = recipe("");
  assert.ok(system.ok);
  const again = parseDeployment(
    writeDeployment(read.value, system.value, { home: "/home/owner" }),
    { file: "x.yaml", name: "x" },
    { home: "/home/owner" },
  );
  assert.deepEqual(again.ok && again.value, read.value);
  const none: Deployment = { ...read.value };
  delete (none as { disks?: unknown }).disks;
  const careful = writeDeployment(none, system.value, { home: "/home/owner" });
  assert.match(careful, /#   system: \{ answer: copy, file: .*\}\n.*\n.*\ndisks: \{\}/);
});

for (const [disk, words] of [
  ["{ answer: copy }", /copy needs the disk's file/],
  ["{ answer: real, file: ~/x.vmdk }", /does not say how it is to be read/],
  ["{ answer: real, file: ~/x.iso }", /a cdrom is read only/],
  ["{ answer: fake, file: ~/x.raw }", /"fake" is none of/],
  ["{ answer: empty }", /needs its size/],
  ["{ answer: empty, size: 5 TiB }", /out of range/],
  ["{ answer: empty, size: 5 GB }", /no size of a disk/],
  ["{ answer: empty, size: 5 GiB, file: ~/x.raw }", /has no file of yours/],
  ["{ answer: empty, size: 5 GiB, as: cdrom }", /cannot be a cdrom/],
  ["{ answer: copy, file: ~/x.raw, size: 5 GiB }", /a file has its size/],
  ["{ answer: copy, file: ../x.raw }", /\.\./],
  ["{ answer: copy, file: ~/x.raw, fromat: raw }", /not a key of a disk. Did you mean "format"/],
] as const)
  test(`a disk that is ${disk} is refused`, () => assert.match(said(deployment(`{ d: ${disk} }`)), words));

test("more disks than a machine has places for are refused", () => {
  const disks = (count: number) =>
    `{ ${Array.from({ length: count }, (_, index) => `d${index}: { answer: empty, size: 1 GiB }`).join(", ")} }`;
  assert.equal(said(deployment(disks(6))), "");
  assert.match(said(deployment(disks(7))), /at most 6 entries, found 7/);
});
