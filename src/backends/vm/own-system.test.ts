import assert from "node:assert/strict";
import { test } from "node:test";
import type { CompartmentSpec, Contribution } from "../../model/index.ts";
import type { BackendContext } from "../backend.ts";
import { ABLE, CONTEXT, SEALED } from "../contract.fixture.ts";
import { planWith } from "../plan-with.ts";
import { belowInside, machines } from "./own-system.ts";

const OWN = "/d/volumes/viewer/system/own";

const COPY: Contribution = {
  ...({ kind: "disk", name: "system", as: "disk", access: "write" } as const),
  file: { path: `${OWN}/system.qcow2`, format: "qcow2" },
  below: { path: "/home/owner/debian.raw", format: "raw" },
};

const REAL: Contribution = {
  ...({ kind: "disk", name: "data", as: "disk", access: "write" } as const),
  file: { path: "/home/owner/data.qcow2", format: "qcow2" },
};

const CDROM: Contribution = {
  ...({ kind: "disk", name: "install", as: "cdrom", access: "read" } as const),
  file: { path: "/srv/netinst.iso", format: "raw" },
};

const SYSTEM: CompartmentSpec = {
  ...SEALED,
  layers: [],
  contributions: [COPY, REAL, CDROM],
  system: { firmware: "uefi", devices: "virtio", tpm: true, machineId: "00112233445566778899aabbccddeeff" },
};

const WITH_TPM: BackendContext = {
  ...CONTEXT,
  facts: { ...ABLE, programs: { ...ABLE.programs, swtpm: { path: "/usr/bin/swtpm", version: undefined } } },
};

function planOf(spec: CompartmentSpec, context = WITH_TPM) {
  const plan = planWith(machines, spec, context);
  assert.ok(plan.ok, JSON.stringify(plan));
  return plan.value.argv;
}

function after(argv: readonly string[], word: string): readonly string[] {
  return argv.flatMap((one, index) => (one === word ? [argv[index + 1] ?? ""] : []));
}

function nodes(argv: readonly string[]): readonly Readonly<Record<string, unknown>>[] {
  return after(argv, "-blockdev").map((text): Readonly<Record<string, unknown>> => JSON.parse(text));
}

test("each node of a disk says its format and what lies below it, so QEMU guesses neither", () => {
  const all = nodes(planOf(SYSTEM));
  for (const node of all) assert.ok(["file", "raw", "qcow2"].includes(String(node["driver"])));
  for (const node of all.filter(({ driver }) => driver === "qcow2")) assert.ok("backing" in node, JSON.stringify(node));
  const of = (name: string) => all.find((node) => node["node-name"] === name);
  assert.equal(of("disk0")?.["backing"], "disk0.below");
  assert.equal(of("disk1")?.["backing"], null);
  assert.equal(of("disk0.below")?.["read-only"], true);
  assert.equal(of("disk0.below.file")?.["filename"], belowInside("system"));
});

test("a file that is not answered with real is read-only behind the outer wall", () => {
  const argv = planOf(SYSTEM);
  const binds = argv.flatMap((word, index) => (word === "--bind" ? [argv.slice(index + 1, index + 3).join(" ")] : []));
  assert.deepEqual(binds, [`${OWN} /vm/own`, "/home/owner/data.qcow2 /vm/disk-data"]);
  const picked = argv.flatMap((word, index) => (word === "--pick" ? [argv.slice(index + 1, index + 3).join("/")] : []));
  assert.ok(picked.includes("/home/owner/debian.raw") && picked.includes("/srv/netinst.iso"));
  assert.ok(argv.includes("--unshare-net"));
});

test("what it is granted is a card that passt speaks for, folders by the names of their requests, and a screen", () => {
  const argv = planOf({
    ...SYSTEM,
    contributions: [
      COPY,
      { kind: "named-network", request: "network", rules: [] },
      { kind: "bind", source: "/home/owner/in", target: "/in", access: "read" },
      { kind: "bind", source: "/home/owner/out", target: "/out", access: "write" },
      { kind: "display", request: "display", screen: "virtual" },
    ],
  });
  const devices = after(argv, "-device");
  assert.ok(devices.includes("virtio-net-pci,netdev=card,mac=52:54:00:53:6b:02,romfile="), devices.join(" "));
  assert.ok(devices.includes("VGA"));
  assert.deepEqual(after(argv, "-M"), ["q35"]);
  assert.deepEqual(
    devices.filter((device) => device.startsWith("virtio-9p")),
    ["virtio-9p-pci,fsdev=folder0,mount_tag=in", "virtio-9p-pci,fsdev=folder1,mount_tag=out"],
  );
  assert.match(after(argv, "-fsdev")[0] ?? "", /,readonly=on$/);
  assert.doesNotMatch(after(argv, "-fsdev")[1] ?? "", /readonly/);
  const shown = argv.flatMap((word, index) => (word === "--ro-bind" ? [argv[index + 1]] : []));
  assert.ok(shown.includes("/home/owner/in") && !shown.includes("/home/owner/out"));
  assert.ok(!argv.includes("--unshare-net") && !argv.includes("--no-dhcp"));
  assert.ok(argv.includes("--no-dhcpv6") && argv.includes("--no-ra"));
  assert.deepEqual(after(argv, "--dns"), ["198.18.0.53"]);
  const emulated = planOf({
    ...SYSTEM,
    contributions: [COPY, { kind: "network", zones: [] }],
    system: { firmware: "bios", devices: "emulated", tpm: false, machineId: "0".repeat(32) },
  });
  assert.match(after(emulated, "-device").join(" "), /e1000e,netdev=card/);
});

test("as root, files are shown as the app's own", () => {
  const user = { uid: 165_000, gid: 165_000, allocated: true };
  const argv = planOf({ ...SYSTEM, user });
  const shown = argv.flatMap((word, index) => (word === "--idmap" ? [argv[index + 1]] : []));
  assert.deepEqual(shown, [OWN, "/home/owner/data.qcow2"]);
});

test("the machine has disks, a console, firmware with its own memory and a TPM, and no network card", () => {
  const argv = planOf(SYSTEM);
  assert.deepEqual(
    after(argv, "-device").map((device) => device.replace(/,.*(bootindex=\d).*/, " $1").replace(/,.*/, "")),
    [
      ...["virtio-rng-pci", "virtio-blk-pci bootindex=1", "virtio-blk-pci bootindex=2", "ide-cd bootindex=3"],
      "tpm-crb",
    ],
  );
  assert.ok(argv.includes("-nodefaults"));
  assert.match(after(argv, "-sandbox").join(), /spawn=deny/);
  assert.match(after(argv, "-drive").join(" "), /readonly=on.*OVMF_CODE.* .*\/vm\/own\/variables/);
  assert.deepEqual(after(argv, "-uuid"), ["00112233-4455-6677-8899-aabbccddeeff"]);
  const monitor = argv.slice(argv.lastIndexOf("/vm/monitor/system.ts"));
  assert.deepEqual(monitor.slice(0, 3), ["/vm/monitor/system.ts", "/run", "/usr/bin/swtpm"]);
});

test("an older machine has BIOS and disks that every system knows", () => {
  const system = { firmware: "bios", devices: "emulated", tpm: false, machineId: "0".repeat(32) } as const;
  const argv = planOf({ ...SYSTEM, system }, CONTEXT);
  assert.deepEqual(after(argv, "-drive"), []);
  const disks = after(argv, "-device").filter((device) => device.startsWith("ide-"));
  assert.deepEqual(
    disks.map((device) => device.split(",").slice(0, 2).join()),
    ["ide-hd,bus=ide.0", "ide-hd,bus=ide.1", "ide-cd,bus=ide.2"],
  );
});

test("what such a machine cannot have is refused by name", () => {
  for (const one of [
    { kind: "bind", source: "/srv", target: `/${"a".repeat(32)}`, access: "read" },
    { kind: "display", request: "display", screen: "own" },
    { kind: "memory-folder", target: "/work" },
    { kind: "empty-folder", target: "/work" },
    { kind: "port", request: "network", through: "router", zones: [] },
    { kind: "publish", port: 80, at: { kind: "loopback", address: "127.0.0.1", port: 8080 } },
    { kind: "variable", name: "LANG", value: "C" },
    { kind: "secret", name: "key", source: { kind: "file", path: "/k" } },
  ] as const) {
    const plan = planWith(machines, { ...SYSTEM, contributions: [COPY, one] }, WITH_TPM);
    assert.ok(!plan.ok && plan.problem.kind === "cannot-enforce", JSON.stringify(plan));
    assert.equal(plan.problem.contribution, one.kind);
  }
  const withoutTpm = planWith(machines, SYSTEM, CONTEXT);
  assert.ok(!withoutTpm.ok && withoutTpm.problem.kind === "backend-unavailable");
  assert.match(withoutTpm.problem.missing.join(), /package swtpm/);
  const app = planWith(machines, { ...SEALED, contributions: [REAL] }, CONTEXT);
  assert.ok(!app.ok && app.problem.kind === "cannot-enforce", "an app has no disks");
});

test("two folders of one name are refused, for the system would find either of them", () => {
  const bind = (target: string, source = "/home/owner/in"): Contribution => ({
    ...({ kind: "bind", access: "read" } as const),
    ...{ source, target },
  });
  const refused = planWith(
    machines,
    { ...SYSTEM, contributions: [COPY, bind("/in/notes"), bind("/other"), bind("/out/notes")] },
    WITH_TPM,
  );
  assert.deepEqual(!refused.ok && refused.problem, {
    ...{ kind: "same-tag", name: SYSTEM.name, tag: "notes", places: ["/in/notes", "/out/notes"] },
  });
  planOf({ ...SYSTEM, contributions: [COPY, bind("/in/notes"), bind("/out/others")] });
});

test("all disks have one budget for reading and writing, and each folder one of its own", () => {
  const io = { readBytes: 20 << 20, writeOperations: 500 };
  const folder: Contribution = { kind: "bind", source: "/home/owner/in", target: "/in", access: "read" };
  const argv = planOf({
    ...SYSTEM,
    contributions: [...SYSTEM.contributions, folder],
    limits: { ...SYSTEM.limits, io },
  });
  const group = JSON.parse(after(argv, "-object").find((text) => text.startsWith("{")) ?? "{}");
  assert.deepEqual(group, {
    "qom-type": "throttle-group",
    id: "io",
    limits: { "bps-read": 20 << 20, "iops-write": 500 },
  });
  const rates = nodes(argv).filter(({ driver }) => driver === "throttle");
  assert.deepEqual(
    rates.map((node) => [node["node-name"], node["throttle-group"], node["file"], node["read-only"]]),
    [
      ["disk0.rate", "io", "disk0", false],
      ["disk1.rate", "io", "disk1", false],
      ["disk2.rate", "io", "disk2", true],
    ],
  );
  for (const device of after(argv, "-device").filter((one) => /^(virtio-blk|ide)/.test(one)))
    assert.match(device, /,drive=disk\d\.rate,/);
  assert.match(after(argv, "-fsdev").join(), /,throttling\.bps-read=20971520,throttling\.iops-write=500$/);
  const free = planOf({ ...SYSTEM, contributions: [...SYSTEM.contributions, folder] }).join(" ");
  assert.doesNotMatch(free, /throttl/);
});

test("what its own disks and their snapshots can ever hold is within the limit, or the start is refused", () => {
  const own: Contribution = { ...COPY, mostBytes: 30 << 20 };
  const limited = (diskBytes: number, contributions: readonly Contribution[], acceptWeaker: readonly string[] = []) =>
    planWith(machines, { ...SYSTEM, contributions, acceptWeaker, limits: { ...SYSTEM.limits, diskBytes } }, WITH_TPM);
  assert.ok(limited(30 << 20, [own, REAL, CDROM]).ok, "the owner's own files are not counted");
  const refused = limited(29 << 20, [own]);
  assert.ok(!refused.ok && refused.problem.kind === "limit-unenforceable" && refused.problem.limit === "disk");
  assert.match(refused.problem.because, /can take 30 MiB \(system 30 MiB\), and the limit is 29 MiB/);
  const accepted = limited(29 << 20, [own], ["disk"]);
  assert.ok(accepted.ok && accepted.value.weaker.some(({ limit, written }) => limit === "disk" && written));
  const copy: Contribution = { kind: "copy", request: "notes", source: "/home/owner/notes", target: "/notes" };
  assert.ok(!limited(2 ** 40, [own, copy]).ok, "what is written to a copy of a folder lies on this host");
});
