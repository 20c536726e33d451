import assert from "node:assert/strict";
import { chmodSync, mkdirSync, symlinkSync } from "node:fs";
import { test } from "node:test";
import * as fc from "fast-check";
import { PCI_ADDRESS } from "../../model/index.ts";
import { makeHost, type MadeHost } from "./pci.fixture.ts";
import { readPci } from "./read-pci.ts";

const ROUTES = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
br0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eno2\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
down0\t00000000\t010200C0\t0000\t0\t0\t0\t00000000\t0\t0\t0
`;

const ZEROS = "0".repeat(32);
const ROUTES6 = `${ZEROS} 00 ${ZEROS} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003 wlan0
${ZEROS} 00 ${ZEROS} 00 ${ZEROS} ffffffff 00000001 00000000 00200200       lo
`;

const LIMITS = "Max locked memory         8388608              67108864             bytes     \n";

async function read(made: MadeHost, prepare: (root: string) => void = () => {}) {
  const { root, remove } = makeHost(made);
  try {
    prepare(root);
    return await readPci(root);
  } finally {
    remove();
  }
}

test("a card is known by its driver, its group, and the names that the host's network has it by", async () => {
  const host = await read({
    cards: {
      "0000:03:00.0": { driver: "e1000e", group: "12", interfaces: ["eno1"] },
      "0000:00:1c.0": { deviceClass: "0x060400", driver: "pcieport", group: "12", resets: "" },
    },
    drivers: ["vfio-pci"],
    files: {
      "/dev/vfio/vfio": "",
      "/dev/vfio/12": "",
      "/proc/net/route": ROUTES,
      "/proc/net/ipv6_route": ROUTES6,
      "/proc/self/limits": LIMITS,
      "/sys/class/net/br0/lower_bond0/x": "",
      "/sys/class/net/bond0/lower_eno1/x": "",
    },
  });
  assert.deepEqual(host, {
    devices: [
      {
        ...{ address: "0000:00:1c.0", folder: "/sys/devices/pci0000:00/0000:00:1c.0", vendor: "8086" },
        ...{ device: "10d3", deviceClass: "060400", driver: "pcieport", group: "12", resets: false, interfaces: [] },
      },
      {
        ...{ address: "0000:03:00.0", folder: "/sys/devices/pci0000:00/0000:03:00.0", vendor: "8086" },
        ...{ device: "10d3", deviceClass: "020000", driver: "e1000e", group: "12", resets: true },
        interfaces: ["eno1"],
      },
    ],
    vfio: true,
    // The bridge, the bond that it lies upon, and the card below.
    waysOut: ["bond0", "br0", "eno1", "wlan0"],
    lockableBytes: 67_108_864,
    openGroups: ["12"],
  });
});

test("who may set limits of any height may lock any memory", async () => {
  const lockable = async (rights: string) =>
    (await read({ files: { "/proc/self/status": `Name:\tnode\nCapEff:\t${rights}\n`, "/proc/self/limits": LIMITS } }))
      .lockableBytes;
  assert.equal(await lockable("000001ffffffffff"), undefined);
  assert.equal(await lockable("000001fffeffffff"), 67_108_864, "root of a container, too");
  assert.equal(await lockable("0000000000000000"), 67_108_864);
});

test("on a host without any of it nothing is found, and nothing is guessed", async () => {
  assert.deepEqual(await read({}), { devices: [], vfio: false, waysOut: [], lockableBytes: 0, openGroups: [] });
  assert.deepEqual(await readPci("/nowhere/at/all"), {
    ...{ devices: [], vfio: false, waysOut: [], lockableBytes: 0, openGroups: [] },
  });
});

test("what is not as the kernel writes it is not there", async () => {
  const name = `0000:03:00.0`;
  for (const card of [{ vendor: "8086" }, { vendor: "0x8086 0x1" }, { deviceClass: "0x02" }, { device: "0xZZZZ" }])
    assert.deepEqual((await read({ cards: { [name]: card } })).devices, [], JSON.stringify(card));
  const odd = await read({ cards: { [name]: { interfaces: ["eno1", "a name"] } } }, (root) => {
    const at = `${root}/sys/devices/pci0000:00/${name}`;
    symlinkSync("/etc/../", `${at}/driver`);
    symlinkSync("../../12x", `${at}/iommu_group`);
    for (const folder of ["..x", "0000:03:00.8", "0000:3:00.0", "10000:03:00.0", "0000:03:00.0\n"])
      mkdirSync(`${root}/sys/bus/pci/devices/${folder}`);
  });
  assert.deepEqual(
    odd.devices.map(({ address, driver, group, interfaces }) => ({ address, driver, group, interfaces })),
    [{ address: name, driver: undefined, group: undefined, interfaces: ["eno1"] }],
  );
});

test("whatever stands in the files, what is read has the kernel's forms", async () => {
  const word = fc.string({ unit: "binary", maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(word, word, word, fc.string({ maxLength: 60 }), async (vendor, device, deviceClass, table) => {
      const host = await read({
        cards: { "0000:03:00.0": { vendor, device, deviceClass } },
        files: { "/proc/net/route": table, "/proc/net/ipv6_route": table, "/proc/self/limits": table },
      });
      for (const one of host.devices) {
        assert.match(one.address, PCI_ADDRESS);
        assert.match(`${one.vendor} ${one.device} ${one.deviceClass}`, /^[0-9a-f]{4} [0-9a-f]{4} [0-9a-f]{6}$/);
      }
      for (const way of host.waysOut) assert.match(way, /^[A-Za-z0-9_.:@-]{1,15}$/);
      assert.ok(host.lockableBytes === undefined || host.lockableBytes >= 0);
    }),
    { numRuns: 10 },
  );
});

test("a group's node that this user may not open is not counted", async (context) => {
  if (process.getuid?.() === 0) return context.skip("cannot here: root opens every file");
  const host = await read({ files: { "/dev/vfio/7": "" } }, (root) => chmodSync(`${root}/dev/vfio/7`, 0));
  assert.deepEqual(host.openGroups, []);
});
