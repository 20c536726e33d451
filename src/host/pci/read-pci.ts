/**
 * Read PCI: the cards of this host, as the kernel shows them below /sys. Source: the kernel's sysfs-bus-pci, vfio.rst,
 * sysfs-kernel-iommu_groups, proc_pid_limits(5), route(8).
 *
 * Invariants
 * - Strict: what is not written as the kernel writes it is not there. No name becomes part of a path before it was looked at.
 * - Looks and changes nothing.
 */
import { access, constants, readdir, readFile, readlink, realpath } from "node:fs/promises";
import { basename } from "node:path";
import { PCI_ADDRESS, type PciDevice, type PciHost } from "../../model/index.ts";

/** A machine has some hundred at most. */
const DEVICES_LIMIT = 1000;

/** What lies upon an interface: bridges, bonds, VLANs. */
const DEPTH_LIMIT = 8;

const TEXT_BYTES_LIMIT = 64 * 1024;

const DRIVER = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/;
const GROUP = /^(0|[1-9]\d{0,5})$/;
const INTERFACE = /^[A-Za-z0-9_][A-Za-z0-9_.:@-]{0,14}$/;

/** @param root - in front of /sys, /proc and /dev; a made-up tree in tests */
export async function readPci(root = ""): Promise<PciHost> {
  const names = (await namesIn(`${root}/sys/bus/pci/devices`)).filter((name) => PCI_ADDRESS.test(name));
  const devices: PciDevice[] = [];
  for (const name of names.toSorted().slice(0, DEVICES_LIMIT)) {
    const device = await readDevice(name, root);
    if (device !== undefined) devices.push(device);
  }
  const groups = (await namesIn(`${root}/dev/vfio`)).filter((name) => GROUP.test(name));
  const opens = await Promise.all(groups.map(async (name) => await isWritable(`${root}/dev/vfio/${name}`)));
  return {
    devices,
    vfio: (await isThere(`${root}/sys/bus/pci/drivers/vfio-pci`)) && (await isThere(`${root}/dev/vfio/vfio`)),
    waysOut: await waysOut(root),
    lockableBytes: maySetLimits(await textOf(`${root}/proc/self/status`))
      ? undefined
      : lockableOf(await textOf(`${root}/proc/self/limits`)),
    openGroups: groups.filter((_, index) => opens[index] === true),
  };
}

async function readDevice(address: string, root: string): Promise<PciDevice | undefined> {
  const at = `${root}/sys/bus/pci/devices/${address}`;
  const [vendor, device, deviceClass] = await Promise.all([
    hexOf(`${at}/vendor`, 4),
    hexOf(`${at}/device`, 4),
    hexOf(`${at}/class`, 6),
  ]);
  const real = await realpath(at).catch(() => undefined);
  if (vendor === undefined || device === undefined || deviceClass === undefined || real === undefined) return undefined;
  return {
    ...{ address, vendor, device, deviceClass },
    folder: real.slice(root === "" ? 0 : (await realpath(root)).length),
    driver: await linkedName(`${at}/driver`, DRIVER),
    group: await linkedName(`${at}/iommu_group`, GROUP),
    resets: (await textOf(`${at}/reset_method`)).trim() !== "",
    interfaces: (await namesIn(`${at}/net`)).filter((name) => INTERFACE.test(name)).toSorted(),
  };
}

/** Interfaces with a default route, and those below them. */
async function waysOut(root: string): Promise<readonly string[]> {
  const found = new Set([
    ...defaultRoutes4(await textOf(`${root}/proc/net/route`)),
    ...defaultRoutes6(await textOf(`${root}/proc/net/ipv6_route`)),
  ]);
  let newest = [...found];
  for (let depth = 0; depth < DEPTH_LIMIT && newest.length > 0; depth++) {
    const below = await Promise.all(newest.map(async (name) => await namesIn(`${root}/sys/class/net/${name}`)));
    newest = below
      .flat()
      .flatMap((name) => (name.startsWith("lower_") ? [name.slice("lower_".length)] : []))
      .filter((name) => INTERFACE.test(name) && !found.has(name));
    for (const name of newest) found.add(name);
  }
  return [...found].toSorted();
}

/** Of /proc/net/route: destination and mask are zero, and the route is up. */
function defaultRoutes4(table: string): readonly string[] {
  return table.split("\n").flatMap((line) => {
    const [name = "", destination, , flags = "", , , , mask] = line.trim().split(/\s+/);
    const up = (Number.parseInt(flags, 16) & 1) === 1;
    return up && destination === "00000000" && mask === "00000000" && INTERFACE.test(name) ? [name] : [];
  });
}

/** Of /proc/net/ipv6_route. The kernel lists a route that refuses all under the name of the loopback. */
function defaultRoutes6(table: string): readonly string[] {
  return table.split("\n").flatMap((line) => {
    const words = line.trim().split(/\s+/);
    const name = words[9] ?? "";
    const all = /^0{32}$/.test(words[0] ?? "") && words[1] === "00";
    return all && name !== "lo" && INTERFACE.test(name) ? [name] : [];
  });
}

/** The hard limit: a program may raise its own up to that. */
function lockableOf(limits: string): number | undefined {
  const hard = /^Max locked memory +(?:unlimited|\d+) +(unlimited|\d{1,19}) +bytes/m.exec(limits)?.[1];
  return hard === "unlimited" ? undefined : Number(hard ?? 0);
}

/** CAP_SYS_RESOURCE, which root has not everywhere (capabilities(7), proc_pid_status(5)). */
function maySetLimits(status: string): boolean {
  const effective = /^CapEff:\t([0-9a-f]{16})$/m.exec(status)?.[1] ?? "0";
  return ((BigInt(`0x${effective}`) >> 24n) & 1n) === 1n;
}

async function hexOf(path: string, digits: number): Promise<string | undefined> {
  const word = (await textOf(path)).trim();
  return /^0x[0-9a-f]+$/.test(word) && word.length === digits + 2 ? word.slice(2) : undefined;
}

async function linkedName(path: string, pattern: RegExp): Promise<string | undefined> {
  const name = basename(await readlink(path).catch(() => ""));
  return pattern.test(name) ? name : undefined;
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return await readdir(folder).catch(() => []);
}

async function textOf(path: string): Promise<string> {
  return (await readFile(path, "latin1").catch(() => "")).slice(0, TEXT_BYTES_LIMIT);
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

async function isWritable(path: string): Promise<boolean> {
  return await access(path, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
}
