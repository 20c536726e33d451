import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { bindDevice } from "./bind-device.ts";
import { makeHost } from "./pci.fixture.ts";

const address = "0000:03:00.0";

/** A made-up kernel changes no driver: what it was told stands in its files. */
async function told(driver: string | undefined, act: (root: string) => Promise<void>) {
  const { root, remove } = makeHost({
    cards: { [address]: { ...(driver === undefined ? {} : { driver }), group: "12" } },
    files: { "/dev/vfio/12": "" },
  });
  try {
    const failed = await act(root).then(
      () => undefined,
      (error: unknown) => String(error),
    );
    const text = (path: string) => (existsSync(`${root}${path}`) ? readFileSync(`${root}${path}`, "utf8") : undefined);
    return {
      failed,
      override: text(`/sys/bus/pci/devices/${address}/driver_override`),
      unbound: text(`/sys/bus/pci/devices/${address}/driver/unbind`),
      probed: text("/sys/bus/pci/drivers_probe"),
    };
  } finally {
    remove();
  }
}

const bind = { kind: "bind-device", address, driver: "vfio-pci", group: "12" } as const;
const giveBack = { kind: "bind-device", address, driver: undefined } as const;

test("a device is taken from its driver and offered to vfio-pci alone; that the kernel obeyed is looked at", async () => {
  const said = await told("e1000e", async (root) => await bindDevice(bind, root));
  assert.deepEqual(said, {
    failed: `Error: the kernel did not give ${address} to vfio-pci`,
    override: "vfio-pci\n",
    unbound: address,
    probed: address,
  });
  const unused = await told(undefined, async (root) => await bindDevice(bind, root));
  assert.deepEqual([unused.override, unused.unbound, unused.probed], ["vfio-pci\n", undefined, address]);
});

test("a device that vfio-pci has already stays there untouched", async () => {
  const owner = { uid: process.getuid?.() ?? -1, gid: process.getgid?.() ?? -1 };
  const said = await told("vfio-pci", async (root) => await bindDevice({ ...bind, owner }, root));
  assert.deepEqual(said, { failed: undefined, override: "(null)\n", unbound: undefined, probed: undefined });
});

test("given back, a device is the host's to choose a driver for; one that another driver has by now is left to it", async () => {
  const said = await told("vfio-pci", async (root) => await bindDevice(giveBack, root));
  const failed = `Error: vfio-pci has ${address} still`;
  assert.deepEqual(said, { failed, override: "\n", unbound: address, probed: address }, "no kernel has heard it");
  const taken = await told("e1000e", async (root) => await bindDevice(giveBack, root));
  assert.deepEqual([taken.failed, taken.override, taken.probed], [undefined, "(null)\n", undefined]);
});

test("nothing but an address of a device becomes part of a path", async () => {
  for (const one of ["../../../../etc", "0000:03:00.0/..", "", "0000:03:00.8"])
    await assert.rejects(bindDevice({ ...bind, address: one }, "/nowhere"), /no address/);
  await assert.rejects(bindDevice({ ...bind, group: "../12" }, "/nowhere"), /no group/);
});
