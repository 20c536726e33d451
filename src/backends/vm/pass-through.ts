/**
 * Pass-through: a network card of the host's that is given to a machine whole, as that machine's way out. Pure.
 *
 * The card then works with the machine's own memory, held to it by an IOMMU, and the host has it no more. Source: the
 * kernel's vfio.rst, QEMU's hw/vfio/pci.c.
 *
 * Untried: no host with an IOMMU was at hand. What is refused, and what would be done, is held by tests on made-up hosts.
 *
 * Invariants
 * - Without an IOMMU nothing is given: the card could read and write all of the host's memory.
 * - What shares a group with it could be reached from the machine. So nothing of the host's may be in the group but
 *   bridges; what has no driver, or is set aside for machines already, its owner has put there.
 */
import type { CardGrant, PciDevice, PciHost } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import type { Step } from "../../step/index.ts";

export type CardFault =
  | { readonly fault: "not-there"; readonly known: readonly string[] }
  | { readonly fault: "no-network-card"; readonly deviceClass: string }
  | { readonly fault: "no-iommu" }
  | { readonly fault: "no-vfio" }
  | { readonly fault: "not-alone"; readonly group: string; readonly others: readonly string[] }
  | { readonly fault: "no-reset" }
  | { readonly fault: "no-driver-inside"; readonly driver: string }
  | { readonly fault: "only-way-out"; readonly interfaces: readonly string[] }
  | { readonly fault: "not-yours"; readonly group: string }
  | { readonly fault: "not-lockable"; readonly bytes: number; readonly needed: number };

/** A card that was looked at, and fits. */
export interface FoundCard {
  readonly device: PciDevice;
  readonly group: string;
  readonly grant: CardGrant;
}

export interface CardUse {
  /** Before the wall can stand. */
  readonly steps: readonly Step[];
  /** After its end: what was taken from the host goes back to it. */
  readonly undo: readonly Step[];
  /** Of the outer wall's bubblewrap. */
  readonly mounts: readonly string[];
  /** In front of the wall: so much of the machine's memory may stay where it is. */
  readonly prefix: readonly string[];
}

/** Drivers that a machine with a card is given. */
export const CARD_DRIVERS = ["e1000e", "igb", "igc", "ixgbe", "r8169", "tg3"] as const;

/** Of the kernel's package. Some of those drivers find their cable's end by another one, which they do not name. */
export const CARD_MODULES: readonly string[] = ["realtek", ...CARD_DRIVERS];

const HANDING_ON = "vfio-pci";

/** What QEMU locks beside the machine's memory: regions of its devices. */
const LOCKED_BESIDES = 1024 ** 3;

/** The places that the card has in its machine, which is told by it where its way out is. */
export const CARD_PLACE = "1d.0";
export const CARD_INSIDE = "0000:00:1d.0";

/** Classes of pci.ids: a network controller; a bridge between PCI buses, which the kernel sees to itself. */
const isNetworkCard = ({ deviceClass }: PciDevice) => deviceClass.startsWith("02");
const isBridge = ({ deviceClass }: PciDevice) => deviceClass.startsWith("0604");

/** @param asRoot - Skerry itself may give devices to other drivers */
export function judgeCard(
  grant: CardGrant,
  host: PciHost,
  { asRoot, memoryBytes }: { readonly asRoot: boolean; readonly memoryBytes: number },
): Result<FoundCard, { readonly kind: "card-fault"; readonly because: CardFault }> {
  const fault = (because: CardFault) => refusal({ kind: "card-fault", because } as const);
  const device = host.devices.find(({ address }) => address === grant.pci);
  if (device === undefined)
    return fault({ fault: "not-there", known: host.devices.filter(isNetworkCard).map(({ address }) => address) });
  if (!isNetworkCard(device)) return fault({ fault: "no-network-card", deviceClass: device.deviceClass });
  const { group, driver, interfaces } = device;
  if (group === undefined) return fault({ fault: "no-iommu" });
  if (!host.vfio) return fault({ fault: "no-vfio" });
  const others = host.devices.filter(
    (one) =>
      one.group === group && one !== device && !isBridge(one) && one.driver !== undefined && one.driver !== HANDING_ON,
  );
  if (others.length > 0) return fault({ fault: "not-alone", group, others: others.map(({ address }) => address) });
  if (!device.resets) return fault({ fault: "no-reset" });
  const known: readonly string[] = [HANDING_ON, ...CARD_DRIVERS];
  if (driver !== undefined && !known.includes(driver)) return fault({ fault: "no-driver-inside", driver });
  const ways = interfaces.filter((name) => host.waysOut.includes(name));
  // What the ways out lie upon is among them, so another way is an interface that is some other card's.
  const left = host.devices.some((one) => one !== device && one.interfaces.some((name) => host.waysOut.includes(name)));
  if (ways.length > 0 && !left && !grant.onlyWayOut) return fault({ fault: "only-way-out", interfaces: ways });
  if (!asRoot && (driver !== HANDING_ON || !host.openGroups.includes(group)))
    return fault({ fault: "not-yours", group });
  const needed = memoryBytes + LOCKED_BESIDES;
  if (host.lockableBytes !== undefined && host.lockableBytes < needed)
    return fault({ fault: "not-lockable", bytes: host.lockableBytes, needed });
  return success({ device, group, grant });
}

export function cardUse(
  { device, group }: FoundCard,
  user: { readonly uid: number; readonly gid: number; readonly allocated: boolean },
  memoryBytes: number,
): CardUse {
  const { address, folder, driver } = device;
  const { uid, gid, allocated } = user;
  const bind = { kind: "bind-device", address, driver: HANDING_ON, group } as const;
  const bytes = memoryBytes + LOCKED_BESIDES;
  const back: Step =
    driver === HANDING_ON
      ? { ...bind, owner: { uid: 0, gid: 0 } }
      : { kind: "bind-device", address, driver: undefined };
  return {
    steps: allocated ? [{ ...bind, owner: { uid, gid } }] : [],
    undo: allocated ? [back] : [],
    mounts: [
      ...["--dev-bind", "/dev/vfio/vfio", "/dev/vfio/vfio", "--dev-bind", `/dev/vfio/${group}`, `/dev/vfio/${group}`],
      // By this name QEMU finds the group. What can be written there, root alone can write.
      ...["--ro-bind", folder, folder, "--symlink", folder, `/sys/bus/pci/devices/${address}`],
    ],
    prefix: ["/usr/bin/prlimit", `--memlock=${bytes}:${bytes}`],
  };
}
