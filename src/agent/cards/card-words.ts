/** Card words: why a machine cannot have a network card of this host, for its owner. */
import { CARD_DRIVERS, type CardFault } from "../../backends/index.ts";
import { unreachable } from "../../result.ts";
import type { CardProblem } from "./find-card.ts";

const MEBIBYTE = 1024 * 1024;

/** @returns the sentence, and the way out */
export function cardWords({ deployment, request, card, because }: CardProblem): readonly [string, string] {
  const [why, wayOut] = wordsOf(because, card);
  return [`${deployment} is to have the network card ${card} for "${request}", and cannot: ${why}`, wayOut];
}

function wordsOf(because: CardFault, card: string): readonly [string, string] {
  switch (because.fault) {
    case "not-there":
      return [
        "there is no such device",
        because.known.length === 0
          ? "this host has no network card on a PCI bus; leave card out, and the way leads through passt"
          : `this host has ${because.known.join(", ")}`,
      ];
    case "no-network-card":
      return [
        `it is no network card (its class is ${because.deviceClass})`,
        "only network cards can be given to a machine",
      ];
    case "no-iommu":
      return [
        "this host has no IOMMU that is switched on, and without one the card could read and write all of its memory",
        "switch on VT-d or AMD-Vi in the firmware, add intel_iommu=on or amd_iommu=on to the kernel's command line, and boot again",
      ];
    case "no-vfio":
      return ["the kernel's driver that hands devices on is not there", "modprobe vfio-pci"];
    case "not-alone":
      return [
        `what shares IOMMU group ${because.group} with it would be reached, too: ${because.others.join(", ")}`,
        "plug it into another slot, or set those aside for machines as well (driverctl set-override ADDRESS vfio-pci)",
      ];
    case "no-reset":
      return ["the host has no way to reset it, so what a machine leaves in it would stay", "take another card"];
    case "no-driver-inside":
      return [
        `the machine has no driver for it (the host's is ${because.driver})`,
        `machines have drivers of cards for ${CARD_DRIVERS.join(", ")}`,
      ];
    case "only-way-out":
      return [
        `it is this host's only way out (${because.interfaces.join(", ")}), which the machine would take away`,
        "where that is meant, write only-way-out: true beside its address",
      ];
    case "not-yours":
      return [
        `you may not open /dev/vfio/${because.group}, or the host's own driver has the card`,
        `as root: driverctl set-override ${card} vfio-pci, and chown you /dev/vfio/${because.group}; or let root run it`,
      ];
    case "not-lockable":
      return [
        `all of its memory must stay where it is, ${toMiB(because.needed)} MiB, and you may keep ${toMiB(because.bytes)} MiB so`,
        "raise memlock in /etc/security/limits.conf, or write a smaller limit on memory",
      ];
    default:
      return unreachable(because);
  }
}

function toMiB(bytes: number): number {
  return Math.floor(bytes / MEBIBYTE);
}
