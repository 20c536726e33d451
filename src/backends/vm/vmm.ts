/**
 * VMM: a program that runs virtual machines, as one shape for all of them.
 *
 * A machine is described in neutral words; a VMM makes a command line of that, or a file that it reads, and says what it can
 * do. Pure. To add one: a file beside this one that exports a `Vmm`, a line in vmms.ts, and its name in the model.
 *
 * Invariant: what a machine needs and a VMM cannot do is refused by name (`lacksOf`), before anything is planned.
 */
import type { IoLimits, VmmName } from "../../model/index.ts";
import type { Argv } from "../../step/index.ts";

/** A network card, and where the other end of its stream of frames listens. */
export interface Card {
  /** One word; no two of a machine have the same. */
  readonly name: string;
  readonly socket: string;
  /** Six bytes in hexadecimal, with colons. */
  readonly address: string;
}

export interface Machine {
  /** `emulated` needs nothing of the host; `kvm` its /dev/kvm. */
  readonly accelerator: "emulated" | "kvm";
  /** Emulated, one. */
  readonly processors: number;
  readonly memoryMiB: number;
  readonly kernel: string;
  /** Archive of the first root in memory. */
  readonly root: string;
  /** Words for the kernel. */
  readonly commandLine: string;
  /** Read-only disks, by the name that they have inside. */
  readonly disks: readonly { readonly name: string; readonly file: string }[];
  /** Folders of the host's, by the name that they have inside. */
  readonly folders: readonly { readonly name: string; readonly folder: string; readonly writable: boolean }[];
  /** Byte streams, by the name that they have inside; each is a Unix socket that somebody listens at. */
  readonly ports: readonly { readonly name: string; readonly socket: string }[];
  readonly cards: readonly Card[];
  /** What the kernel says, as such a socket. */
  readonly console: string;
  /** On which the VMM takes commands, as such a socket; one that has sockets of its own for that takes none. */
  readonly commands?: string;
  /** Its memory is a file: shared in a template that is being made, private in a copy, which waits for the template's state. */
  readonly memory?: { readonly kind: "template" | "copy"; readonly file: string };
  /**
   * What its kernel does not use goes back to the host, where the VMM can do that. Never for a machine whose memory is a
   * file: QEMU 7.2 would punch holes into a file that copies have in common.
   */
  readonly givesBack?: boolean;
  /** Address of a PCI device of the host's that it has whole. */
  readonly passed?: string;
  /** How fast it may read and write: all disks together, and each folder. */
  readonly io?: IoLimits;
}

/** What a VMM can do, in the words of a refusal. */
export const CAPABILITIES = {
  emulation: "run where there is no KVM",
  "disk-names": "give its disks names that a machine finds them by",
  "folders-9p": "share folders by 9p",
  "folders-virtiofs": "share folders by virtio-fs, which needs a daemon for each",
  ports: "carry the streams between a machine and its host (virtio-serial)",
  "console-socket": "write what the kernel says to a socket",
  card: "connect a network card to a socket",
  vsock: "carry streams by vsock",
  sandbox: "give up rights by a filter of its own behind our wall",
  snapshots: "write down a running machine, and go on from that",
  balloon: "take memory back from a running machine",
  "pass-through": "be given a card of the host's",
  throttle: "hold reading and writing to a rate (limits: io)",
  hotplug: "attach something to a running machine",
} as const;

export type Capability = keyof typeof CAPABILITIES;

export interface Vmm {
  readonly name: VmmName;
  /** The host program, by the name that facts have it under. */
  readonly program: string;
  /** Debian's package of it; undefined where there is none. */
  readonly package: string | undefined;
  readonly can: ReadonlySet<Capability>;
  /** Disks and folders that fit on one machine. */
  readonly mostPlaces: number;
  /** @param program - its absolute path where it is started; `settings` is where its file will be, if it has one */
  plan(machine: Machine, program: string, settings: string): VmmPlan;
}

export interface VmmPlan {
  readonly argv: Argv;
  /** Content of the file that it reads; undefined where its command line says all. */
  readonly settings?: string;
}

/** @returns what this machine needs and that VMM cannot do */
export function lacksOf({ can }: Pick<Vmm, "can">, machine: Machine): readonly Capability[] {
  const needed: readonly (readonly [Capability, boolean])[] = [
    ["emulation", machine.accelerator === "emulated"],
    ["disk-names", machine.disks.length > 0],
    ["folders-9p", machine.folders.length > 0],
    ["ports", machine.ports.length > 0],
    ["console-socket", true],
    ["card", machine.cards.length > 0],
    ["snapshots", machine.memory !== undefined],
    ["pass-through", machine.passed !== undefined],
    ["throttle", machine.io !== undefined],
  ];
  return needed.flatMap(([capability, needs]) => (needs && !can.has(capability) ? [capability] : []));
}
