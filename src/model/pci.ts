/** PCI: cards of a host that a machine could be given whole. Plain data; host/pci/ reads it, and backends/vm/ judges. */

/** Domain, bus, device, function, as the kernel writes them. */
export const PCI_ADDRESS = /^[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/;

export interface PciDevice {
  readonly address: string;
  /** Its folder below /sys/devices, where /sys/bus/pci leads. */
  readonly folder: string;
  /** Four hexadecimal digits each. */
  readonly vendor: string;
  readonly device: string;
  /** Six hexadecimal digits: class, subclass, interface. */
  readonly deviceClass: string;
  /** The host's driver that has it now. */
  readonly driver: string | undefined;
  /** What an IOMMU tells apart from all else; undefined where none does. */
  readonly group: string | undefined;
  /** The host has a way to bring it back to how it was switched on. */
  readonly resets: boolean;
  /** Names that the host's network has it by. */
  readonly interfaces: readonly string[];
}

export interface PciHost {
  readonly devices: readonly PciDevice[];
  /** There is a driver that hands devices to programs (vfio-pci), and its control node. */
  readonly vfio: boolean;
  /** Interfaces, and what they lie upon, by which this host reaches the rest of the world. */
  readonly waysOut: readonly string[];
  /** So many bytes a program of this user may keep from being moved; undefined: any number. */
  readonly lockableBytes: number | undefined;
  /** Of the groups' nodes below /dev/vfio, those that this user may open. */
  readonly openGroups: readonly string[];
}

/** What an owner answers a network with whose way out is a card of the host's. */
export interface CardGrant {
  readonly pci: string;
  /** The card's own, with the length of its network: `192.0.2.10/24`. */
  readonly address: string;
  readonly gateway: string;
  readonly dns: readonly string[];
  /** The owner knows that this host has no other way out. */
  readonly onlyWayOut: boolean;
}
