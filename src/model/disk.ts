/** Disk: what a system of its own is started from, as files of the owner's or of the instance's. Plain data. */
import type { Answer } from "./answer.ts";
import type { Program } from "./recipe.ts";

/** Of the seven, those that a disk can have. */
export const DISK_ANSWERS = ["deny", "empty", "subset", "copy", "real"] as const satisfies readonly Answer[];

export const DISK_FORMATS = ["qcow2", "raw"] as const;

export type DiskFormat = (typeof DISK_FORMATS)[number];

export const DISK_KINDS = ["disk", "cdrom"] as const;

/** The owner's word on one disk. Which options go with which answer is checked in descriptor/. */
export interface Disk {
  readonly answer: (typeof DISK_ANSWERS)[number];
  /** Host file, absolute. */
  readonly file: string | undefined;
  /** How the file is to be read: written, or said by its name. No program ever guesses it from the content. */
  readonly format: DiskFormat | undefined;
  /** The owner has written the format, whatever the file looks like. */
  readonly written: boolean;
  /** With `empty`: whole bytes. */
  readonly sizeBytes: number | undefined;
  readonly as: (typeof DISK_KINDS)[number];
}

export const FIRMWARES = ["uefi", "bios"] as const;

export const DEVICE_KINDS = ["virtio", "emulated"] as const;

/** The machine that a system of its own expects. */
export interface OwnSystem {
  readonly firmware: (typeof FIRMWARES)[number];
  /** `virtio` is fast and wants drivers that Linux has; `emulated` is what every system knows. */
  readonly devices: (typeof DEVICE_KINDS)[number];
  /** A TPM 2.0 with a memory of the instance's own. */
  readonly tpm: boolean;
}

/** With what tells one instance's machine from all others: 32 hexadecimal digits. */
export interface OwnMachine extends OwnSystem {
  readonly machineId: string;
}

/** What runs in such a machine is said by its disks. */
export const SYSTEM_PROGRAMS: Readonly<Record<string, Program>> = {
  system: { command: ["/boot"], arguments: "none" },
};

/** A file that a disk lies in. */
export interface DiskFile {
  readonly path: string;
  readonly format: DiskFormat;
}

/** Of an instance: what is its own of a machine. The machine sees and writes the part that is named `own`. */
export function systemFolder(places: { readonly data: string }, instance: string) {
  const folder = `${places.data}/volumes/${instance}/system`;
  return { folder, own: `${folder}/own` };
}
