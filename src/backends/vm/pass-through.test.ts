/** Cards of made-up hosts: what is refused of them, and what would be done. No host with an IOMMU was at hand. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { CardGrant, PciDevice, PciHost } from "../../model/index.ts";
import { describe } from "../../step/index.ts";
import { ABLE, CONTEXT, SEALED } from "../contract.fixture.ts";
import { planWith } from "../plan-with.ts";
import { type CardFault, cardUse, type FoundCard, judgeCard } from "./pass-through.ts";
import { vm } from "./vm.ts";

const CARD: CardGrant = {
  ...{ pci: "0000:03:00.0", address: "192.0.2.10/24", gateway: "192.0.2.1", dns: ["192.0.2.53"], onlyWayOut: false },
};

function device(address: string, more: Partial<PciDevice> = {}): PciDevice {
  return {
    ...{ address, folder: `/sys/devices/pci0000:00/${address}`, vendor: "8086", device: "10d3" },
    ...{ deviceClass: "020000", driver: "e1000e", group: "12", resets: true, interfaces: [], ...more },
  };
}

const NIC = device("0000:03:00.0", { interfaces: ["eno1"] });
const BRIDGE = device("0000:00:1c.0", { deviceClass: "060400", driver: "pcieport" });
const OTHER = device("0000:04:00.0", { group: "13", interfaces: ["eno2"] });

const HOST: PciHost = {
  ...{ devices: [BRIDGE, NIC, OTHER], vfio: true, waysOut: ["eno2"], lockableBytes: undefined, openGroups: [] },
};

const ROOT = { asRoot: true, memoryBytes: 1 << 30 };

function faultOf(host: Partial<PciHost>, grant: Partial<CardGrant> = {}, who = ROOT): CardFault | undefined {
  const judged = judgeCard({ ...CARD, ...grant }, { ...HOST, ...host }, who);
  return judged.ok ? undefined : judged.problem.because;
}

const withNic = (more: Partial<PciDevice>, ...others: readonly PciDevice[]) => ({
  devices: [BRIDGE, { ...NIC, ...more }, OTHER, ...others],
});

test("a card behind an IOMMU, alone in its group but for bridges, can be given by root", () => {
  assert.equal(faultOf({}), undefined);
});

test("without an IOMMU no card is given, since it could read all of the host's memory", () => {
  assert.deepEqual(faultOf(withNic({ group: undefined })), { fault: "no-iommu" });
  assert.deepEqual(faultOf({ vfio: false }), { fault: "no-vfio" });
});

test("only a network card that is there is given", () => {
  assert.deepEqual(faultOf({}, { pci: "0000:09:00.0" }), {
    fault: "not-there",
    known: ["0000:03:00.0", "0000:04:00.0"],
  });
  for (const deviceClass of ["010802", "030000", "060400", "0c0330"])
    assert.deepEqual(faultOf(withNic({ deviceClass })), { fault: "no-network-card", deviceClass });
});

test("what shares its group is given to nobody with it: the whole group is for machines, or nothing of it", () => {
  const twin = device("0000:03:00.1");
  assert.deepEqual(faultOf(withNic({}, twin)), { fault: "not-alone", group: "12", others: ["0000:03:00.1"] });
  assert.equal(faultOf(withNic({}, { ...twin, driver: "vfio-pci" })), undefined, "set aside by its owner");
  assert.equal(faultOf(withNic({}, { ...twin, driver: undefined })), undefined, "nothing of the host's has it");
  const disk = device("0000:03:00.1", { deviceClass: "010802", driver: "nvme" });
  assert.deepEqual(faultOf(withNic({}, disk)), { fault: "not-alone", group: "12", others: ["0000:03:00.1"] });
  const isa = device("0000:03:00.1", { deviceClass: "060100", driver: "lpc_ich" });
  assert.equal(faultOf(withNic({}, isa))?.fault, "not-alone", "a bridge to something else than PCI");
});

test("a card that cannot be reset, or that no machine has a driver for, is refused", () => {
  assert.deepEqual(faultOf(withNic({ resets: false })), { fault: "no-reset" });
  assert.deepEqual(faultOf(withNic({ driver: "mlx5_core" })), { fault: "no-driver-inside", driver: "mlx5_core" });
  assert.equal(faultOf(withNic({ driver: undefined })), undefined);
});

test("the only way out of the host is given away only where its owner has said so", () => {
  assert.deepEqual(faultOf({ waysOut: ["br0", "eno1"] }), { fault: "only-way-out", interfaces: ["eno1"] });
  assert.equal(faultOf({ waysOut: ["br0", "eno1"] }, { onlyWayOut: true }), undefined);
  assert.equal(faultOf({ waysOut: ["eno1", "eno2"] }), undefined, "there is another one");
});

test("an ordinary user gives what was set aside for machines, is theirs, and whose memory may be locked", () => {
  const user = { asRoot: false, memoryBytes: 1 << 30 };
  assert.deepEqual(faultOf({}, {}, user), { fault: "not-yours", group: "12" });
  const aside = withNic({ driver: "vfio-pci", interfaces: [] });
  assert.deepEqual(faultOf(aside, {}, user), { fault: "not-yours", group: "12" });
  const theirs = { ...aside, openGroups: ["12"], lockableBytes: 8 << 20 };
  assert.deepEqual(faultOf(theirs, {}, user), { fault: "not-lockable", bytes: 8 << 20, needed: 2 * 1024 ** 3 });
  assert.equal(faultOf({ ...theirs, lockableBytes: undefined }, {}, user), undefined);
  assert.equal(faultOf({ lockableBytes: 8 << 20 })?.fault, "not-lockable", "root of a container has limits as well");
});

test("on no host is a card given that is not behind an IOMMU, or beside what the host uses", () => {
  const driver = fc.constantFrom(undefined, "e1000e", "vfio-pci", "nvme", "pcieport");
  const anyDevice = fc
    .record({
      address: fc.constantFrom("0000:03:00.0", "0000:03:00.1", "0000:04:00.0"),
      deviceClass: fc.constantFrom("020000", "028000", "010802", "060400", "060100"),
      driver,
      group: fc.constantFrom(undefined, "1", "2"),
      resets: fc.boolean(),
      interfaces: fc.constantFrom<readonly string[]>([], ["eno1"], ["eno2"]),
    })
    .map(({ address, ...more }) => device(address, more));
  const anyHost = fc.record({
    devices: fc.uniqueArray(anyDevice, { selector: ({ address }) => address }),
    vfio: fc.boolean(),
    waysOut: fc.subarray(["eno1", "eno2"]),
    lockableBytes: fc.constantFrom(undefined, 0, 2 ** 40),
    openGroups: fc.subarray(["1", "2"]),
  });
  fc.assert(
    fc.property(anyHost, fc.boolean(), fc.boolean(), (host, asRoot, onlyWayOut) => {
      const judged = judgeCard({ ...CARD, onlyWayOut }, host, { asRoot, memoryBytes: 1 << 30 });
      if (!judged.ok) return;
      const { device: given, group } = judged.value;
      assert.ok(given.group === group && given.deviceClass.startsWith("02") && host.vfio && given.resets);
      for (const one of host.devices)
        if (one !== given && one.group === group && one.driver !== undefined && one.driver !== "vfio-pci")
          assert.ok(one.deviceClass.startsWith("0604"), JSON.stringify(one));
      const left = host.devices.flatMap((one) => (one === given ? [] : one.interfaces));
      const lost = given.interfaces.some((name) => host.waysOut.includes(name));
      assert.ok(!lost || onlyWayOut || left.some((name) => host.waysOut.includes(name)));
    }),
  );
});

const ROUTER = {
  ...SEALED,
  guest: "system",
  contributions: [{ kind: "ports" }, { kind: "card", request: "network", card: CARD }],
} as const;

function found(): FoundCard {
  const judged = judgeCard(CARD, HOST, ROOT);
  assert.ok(judged.ok);
  return judged.value;
}

const PORTS = { all: { ports: "/s/machines/viewer/ports", rules: "/s/machines/viewer/rules" } };

test("as root the card is taken from its driver last of all, and goes back to it when the machine has ended", () => {
  const user = { uid: 100_007, gid: 100_007, allocated: true };
  const plan = planWith(vm, { ...ROUTER, user }, { ...CONTEXT, card: found(), ports: PORTS });
  assert.ok(plan.ok, JSON.stringify(plan));
  const { steps, undo = [], argv } = plan.value;
  assert.deepEqual(steps.slice(-1).flatMap(describe), [
    "give the PCI device 0000:03:00.0 to vfio-pci",
    "  vfio-pci > /sys/bus/pci/devices/0000:03:00.0/driver_override",
    "  0000:03:00.0 > /sys/bus/pci/devices/0000:03:00.0/driver/unbind",
    "  0000:03:00.0 > /sys/bus/pci/drivers_probe",
    "  /dev/vfio/12 is then 100007:100007's",
  ]);
  assert.deepEqual(undo.flatMap(describe), [
    "give the PCI device 0000:03:00.0 back to the host's own driver",
    "  nothing > /sys/bus/pci/devices/0000:03:00.0/driver_override",
    "  0000:03:00.0 > /sys/bus/pci/devices/0000:03:00.0/driver/unbind",
    "  0000:03:00.0 > /sys/bus/pci/drivers_probe",
  ]);
  assert.deepEqual(argv.slice(0, 2), ["/usr/bin/prlimit", "--memlock=2147483648:2147483648"]);
});

test("a card that was set aside before stays set aside, and its node is root's again", () => {
  const aside = { ...found(), device: { ...NIC, driver: "vfio-pci" } };
  const { undo } = cardUse(aside, { uid: 100_007, gid: 100_007, allocated: true }, 1 << 30);
  assert.deepEqual(undo, [
    { kind: "bind-device", address: NIC.address, driver: "vfio-pci", group: "12", owner: { uid: 0, gid: 0 } },
  ]);
  const own = cardUse(aside, { uid: 1000, gid: 1000, allocated: false }, 1 << 30);
  assert.deepEqual([own.steps, own.undo], [[], []], "nothing of the host's is changed for an ordinary user");
});

test("behind the outer wall are the one group's node and the one card's folder, and QEMU is told that card alone", () => {
  for (const accelerator of [ABLE.accelerator, { kind: "kvm", because: undefined } as const]) {
    const facts = { ...ABLE, accelerator };
    const plan = planWith(vm, ROUTER, { ...CONTEXT, facts, card: found(), ports: PORTS });
    assert.ok(plan.ok, JSON.stringify(plan));
    const { argv, steps, template } = plan.value;
    const mounts = argv.slice(
      argv.indexOf("/dev/vfio/vfio") - 1,
      argv.indexOf("--remount-ro", argv.indexOf("/dev/vfio/vfio")),
    );
    assert.deepEqual(mounts, [
      ...["--dev-bind", "/dev/vfio/vfio", "/dev/vfio/vfio", "--dev-bind", "/dev/vfio/12", "/dev/vfio/12"],
      ...["--ro-bind", NIC.folder, NIC.folder, "--symlink", NIC.folder, "/sys/bus/pci/devices/0000:03:00.0"],
    ]);
    const devices = argv.filter((_, index) => argv[index - 1] === "-device");
    assert.deepEqual(
      devices.filter((one) => one.startsWith("vfio")),
      ["vfio-pci,host=0000:03:00.0,addr=1d.0"],
    );
    assert.ok(
      devices.every((one) => !one.includes("balloon")),
      "its memory stays where it is",
    );
    assert.equal(argv[argv.indexOf("-M") + 1], "q35", "a microvm has no bus for it");
    assert.equal(template, undefined, "and no other machine goes on from it");
    const archive = steps.find((step) => step.kind === "write-archive");
    const uplink = archive?.entries.find(({ path }) => path.endsWith("/uplink"));
    assert.equal(uplink?.kind === "file" && uplink.content, "pci 192.0.2.10/24 192.0.2.1\n");
  }
});

test("a machine that routes for nobody has no card, and a container neither", () => {
  for (const contributions of [ROUTER.contributions.slice(1)]) {
    const plan = planWith(vm, { ...ROUTER, contributions }, { ...CONTEXT, card: found() });
    assert.ok(!plan.ok && plan.problem.kind === "cannot-enforce" && plan.problem.contribution === "card");
    const app = planWith(vm, { ...SEALED, contributions }, { ...CONTEXT, card: found() });
    assert.ok(!app.ok && app.problem.kind === "cannot-enforce");
  }
});
