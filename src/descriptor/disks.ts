/** Disks in a deployment, and the machine in a recipe that they are for: from text to value. */
import * as z from "zod";
import {
  DEVICE_KINDS,
  DISK_ANSWERS,
  DISK_FORMATS,
  DISK_KINDS,
  type Disk,
  type DiskFormat,
  FIRMWARES,
  type OwnSystem,
} from "../model/index.ts";
import type { PathFinding } from "./path-finding.ts";
import { quote } from "./complaint.ts";
import type { PlainData } from "./read-yaml.ts";
import { bytesOf, diskSize, hostFile, mapOf, name, resolveHome, shortenHome, sizeOf, wants } from "./schema-parts.ts";

const disk = z
  .strictObject(
    {
      answer: z
        .enum(DISK_ANSWERS)
        .describe(
          "real: the file is written; copy: what is written goes elsewhere; subset: read only; empty: a new disk",
        ),
      file: hostFile.optional().describe("A file of this host; ~/ stands for the owner's home"),
      format: z
        .enum(DISK_FORMATS)
        .optional()
        .describe("How the file is read. Default: what its name says (.qcow2; .raw, .img, .iso)"),
      size: diskSize.optional().describe("With empty: 1 MiB to 4 TiB"),
      as: z.enum(DISK_KINDS).optional().describe("Default: cdrom for .iso, disk for all else"),
    },
    wants("a map with the keys of a disk"),
  )
  .meta({ title: "a disk" });

/** As many as an emulated controller has places for. */
const MOST_DISKS = 6;

export const disksSchema = mapOf(name, disk, "disks", MOST_DISKS)
  .optional()
  .describe("Disks of a system of its own (a recipe with image: disk); the machine boots from the first that it can");

export const machineSchema = z
  .strictObject(
    {
      firmware: z.enum(FIRMWARES).optional().describe("Default: uefi"),
      devices: z
        .enum(DEVICE_KINDS)
        .optional()
        .describe("emulated is slower, and known to every system. Default: virtio"),
      tpm: z.boolean(wants("true or false")).optional().describe("A TPM 2.0. Default: false"),
    },
    wants("a map with the keys of a machine"),
  )
  .meta({ title: "a machine" })
  .optional()
  .describe("With image: what machine the system expects");

type DisksFile = NonNullable<z.output<typeof disksSchema>>;
type DiskFileWords = DisksFile[string];

/** What the name of a file says. */
const FORMATS: Readonly<Record<string, DiskFormat>> = {
  ...{ qcow2: "qcow2", qcow: "qcow2" },
  ...{ raw: "raw", img: "raw", iso: "raw" },
};

function endingOf(file: string): string {
  return /\.([A-Za-z0-9]{1,8})$/.exec(file)?.[1]?.toLowerCase() ?? "";
}

export function checkDisks(disks: DisksFile): readonly PathFinding[] {
  return Object.entries(disks).flatMap(([key, written]) => {
    const message = faultOf(written);
    return message === undefined ? [] : [{ path: ["disks", key], part: "value", message } as const];
  });
}

function faultOf({ answer, file, format, size, as }: DiskFileWords): string | undefined {
  if (answer === "deny") return undefined;
  if (answer === "empty") {
    if (file !== undefined) return "an empty disk has no file of yours. Take out file, or write another answer";
    if (format !== undefined) return "an empty disk is Skerry's own, in its own format. Take out format";
    if (as === "cdrom") return "an empty disk cannot be a cdrom";
    return size === undefined ? "an empty disk needs its size, such as size: 20 GiB" : undefined;
  }
  if (file === undefined) return `${answer} needs the disk's file, such as file: ~/images/debian.qcow2`;
  if (size !== undefined) return "a file has its size. Take out size, which goes with empty";
  if (format === undefined && FORMATS[endingOf(file)] === undefined)
    return `the name ${quote(file)} does not say how it is to be read. Write format: qcow2 or raw; for others qemu-img(1) converts`;
  return (as ?? (endingOf(file) === "iso" ? "cdrom" : "disk")) === "cdrom" && answer !== "subset"
    ? "a cdrom is read only: write subset"
    : undefined;
}

/** @param home - stands for a leading `~/` */
export function toDisks(
  disks: DisksFile | undefined,
  home: string,
): { readonly disks?: Readonly<Record<string, Disk>> } {
  if (disks === undefined) return {};
  return { disks: Object.fromEntries(Object.entries(disks).map(([key, written]) => [key, toDisk(written, home)])) };
}

function toDisk({ answer, file, format, size, as }: DiskFileWords, home: string): Disk {
  const ending = endingOf(file ?? "");
  return {
    answer,
    file: file === undefined ? undefined : resolveHome(file, home),
    format: format ?? (file === undefined ? undefined : FORMATS[ending]),
    written: format !== undefined,
    sizeBytes: size === undefined ? undefined : bytesOf(size),
    as: as ?? (ending === "iso" ? "cdrom" : "disk"),
  };
}

/** As it is written. */
export function diskData({ answer, file, format, written, sizeBytes, as }: Disk, home: string): PlainData {
  const byName = endingOf(file ?? "") === "iso" ? "cdrom" : "disk";
  return {
    answer,
    ...(file === undefined ? {} : { file: shortenHome(file, home) }),
    ...(written && format !== undefined ? { format } : {}),
    ...(sizeBytes === undefined ? {} : { size: sizeOf(sizeBytes) ?? noSize(sizeBytes) }),
    ...(as === byName ? {} : { as }),
  };
}

function noSize(bytes: number): never {
  throw new Error(`a disk has whole KiB, not ${bytes} bytes`);
}

export function toSystem(written: z.output<typeof machineSchema>): OwnSystem {
  return {
    firmware: written?.firmware ?? "uefi",
    devices: written?.devices ?? "virtio",
    tpm: written?.tpm ?? false,
  };
}
