/**
 * VMM: a program that runs virtual machines, as one shape for all of them.
 *
 * A machine is described in neutral words; a VMM makes a command line of that and says what it can do. Pure.
 */
import type { Argv } from "../../step/index.ts";

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
  /** What the kernel says, as such a socket. */
  readonly console: string;
}

export interface Vmm {
  readonly name: string;
  /** The host program, by the name that facts have it under. */
  readonly program: string;
  /** Disks and folders that fit on one machine. */
  readonly mostPlaces: number;
  /** @param program - its absolute path where it is started */
  plan(machine: Machine, program: string): Argv;
}
