/**
 * Bind device: gives a PCI device to another driver, by the kernel's own files. Source: sysfs-bus-pci (driver_override,
 * unbind, drivers_probe), vfio.rst.
 *
 * Untried on hardware: the tests hold what is written, and in which order, on a made-up tree.
 *
 * Invariant: what is done already is not done again; a device that another driver than vfio-pci has is not taken from that
 * when it is given back.
 */
import { chown, lstat, readlink, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { PCI_ADDRESS } from "../../model/index.ts";
import type { Step } from "../../step/index.ts";

const HANDING_ON = "vfio-pci";

/** @param root - in front of /sys and /dev; a made-up tree in tests */
export async function bindDevice(
  { address, driver, group, owner }: Extract<Step, { readonly kind: "bind-device" }>,
  root = "",
): Promise<void> {
  if (!PCI_ADDRESS.test(address) || (group !== undefined && !/^\d{1,6}$/.test(group)))
    throw new Error("no address of a device, or no group");
  const bus = `${root}/sys/bus/pci`;
  const at = `${bus}/devices/${address}`;
  const before = await driverOf(at);
  // Whoever has taken it meanwhile keeps it.
  if (driver === undefined && before !== undefined && before !== HANDING_ON) return;
  if (before !== driver || driver === undefined) {
    // A line by itself is no name of a driver: then the kernel chooses again.
    await writeFile(`${at}/driver_override`, `${driver ?? ""}\n`);
    if (before !== undefined) await writeFile(`${at}/driver/unbind`, address);
    await writeFile(`${bus}/drivers_probe`, address);
  }
  const after = await driverOf(at);
  if (driver !== undefined && after !== driver) throw new Error(`the kernel did not give ${address} to ${driver}`);
  if (driver === undefined && after === HANDING_ON) throw new Error(`${after} has ${address} still`);
  if (group === undefined || owner === undefined) return;
  const node = `${root}/dev/vfio/${group}`;
  if ((await lstat(node)).isSymbolicLink()) throw new Error(`${node} is a link`);
  await chown(node, owner.uid, owner.gid);
}

async function driverOf(at: string): Promise<string | undefined> {
  return await readlink(`${at}/driver`).then(
    (target) => basename(target),
    () => undefined,
  );
}
