/**
 * System command: QEMU's words for a system that brings its own kernel. Pure. Source: qemu-system(1).
 *
 * Invariants
 * - No file's format is guessed, and no file is opened since another names it: each node of a disk stands here, with what
 *   lies below it or nothing.
 * - What is read-only here is read-only behind the outer wall as well.
 */
import type { DiskFile, OwnMachine } from "../../model/index.ts";
import type { Argv } from "../../step/index.ts";
import { folderRate, groupWords, throttledNode } from "./throttle.ts";
import type { Machine } from "./vmm.ts";

export interface SystemDisk {
  readonly name: string;
  readonly as: "disk" | "cdrom";
  readonly writable: boolean;
  /** Where it is behind the outer wall. */
  readonly file: DiskFile;
  readonly below: DiskFile | undefined;
}

export interface SystemMachine extends Pick<Machine, "accelerator" | "io" | "memoryMiB" | "processors"> {
  readonly system: OwnMachine;
  /** In the order in which the firmware tries them. */
  readonly disks: readonly SystemDisk[];
  /** Memory of the firmware's own, which it writes. */
  readonly variables: string;
  /** Folder with the sockets `control`, `tpm` and `card`, and the pipes `console.in` and `console.out`. */
  readonly sockets: string;
  /** Address of its network card; undefined where it has none. */
  readonly card: string | undefined;
  readonly folders: readonly SystemFolder[];
  /** It has a screen that nobody looks at, unless asked for a picture. */
  readonly screen: boolean;
}

/** A folder of the host's, which the system finds by its tag. */
export interface SystemFolder {
  readonly tag: string;
  /** Where it is behind the outer wall. */
  readonly folder: string;
  readonly writable: boolean;
}

/** Firmware of Debian's package ovmf. */
export const UEFI = {
  code: "/usr/share/OVMF/OVMF_CODE_4M.fd",
  variables: "/usr/share/OVMF/OVMF_VARS_4M.fd",
} as const;

const SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";

export function systemCommand(machine: SystemMachine, program: string): Argv {
  const { system, sockets } = machine;
  return [
    program,
    ...["-nodefaults", "-no-user-config", "-display", "none", "-sandbox", SANDBOX],
    // Without a screen the firmware speaks on the console. QEMU 7.2 emulates cmpxchg16b wrongly.
    ...["-M", machine.screen ? "q35" : "q35,graphics=off"],
    ...[...processor(machine), "-smp", String(machine.processors)],
    // What every system knows, and its firmware.
    ...(machine.screen ? ["-device", "VGA"] : []),
    ...["-m", String(machine.memoryMiB)],
    ...["-uuid", uuidOf(system.machineId)],
    ...(system.firmware === "uefi" ? firmware(machine.variables) : []),
    ...["-chardev", `pipe,id=console,path=${sockets}/console`, "-serial", "chardev:console"],
    ...["-chardev", `socket,id=control,path=${sockets}/control`, "-mon", "chardev=control,mode=control"],
    ...["-object", "rng-builtin,id=random", "-device", "virtio-rng-pci,rng=random"],
    ...groupWords(machine.io),
    ...machine.disks.flatMap((disk, index) => diskWords(disk, index, machine)),
    ...(machine.card === undefined ? [] : card(machine.card, system.devices, sockets)),
    ...machine.folders.flatMap((folder, index) => folderWords(folder, index, machine.io)),
    ...(system.tpm ? tpm(sockets) : []),
  ];
}

function processor({ accelerator }: SystemMachine): readonly string[] {
  return accelerator === "kvm" ? ["-accel", "kvm", "-cpu", "host"] : ["-accel", "tcg", "-cpu", "max,-cx16"];
}

export function tpmCommand(program: string, folder: string, sockets: string): Argv {
  return [program, "socket", "--tpm2", "--tpmstate", `dir=${folder}`, "--ctrl", `type=unixio,path=${sockets}/tpm`];
}

function firmware(variables: string): readonly string[] {
  return [
    ...["-drive", `if=pflash,format=raw,unit=0,readonly=on,file=${UEFI.code}`],
    ...["-drive", `if=pflash,format=raw,unit=1,file=${variables}`],
  ];
}

/** Without a program of its own to boot from the network. */
function card(address: string, devices: OwnMachine["devices"], sockets: string): readonly string[] {
  const device = devices === "virtio" ? "virtio-net-pci" : "e1000e";
  return [
    ...["-netdev", `stream,id=card,server=off,addr.type=unix,addr.path=${sockets}/card`],
    ...["-device", `${device},netdev=card,mac=${address},romfile=`],
  ];
}

function folderWords({ tag, folder, writable }: SystemFolder, index: number, io: Machine["io"]): readonly string[] {
  const access = `${writable ? "" : ",readonly=on"}${folderRate(io)}`;
  return [
    ...["-fsdev", `local,id=folder${index},path=${folder},security_model=none,multidevs=remap${access}`],
    ...["-device", `virtio-9p-pci,fsdev=folder${index},mount_tag=${tag}`],
  ];
}

function tpm(sockets: string): readonly string[] {
  return [
    ...["-chardev", `socket,id=tpm,path=${sockets}/tpm`, "-tpmdev", "emulator,id=tpm0,chardev=tpm"],
    ...["-device", "tpm-crb,tpmdev=tpm0"],
  ];
}

function diskWords(
  disk: SystemDisk,
  index: number,
  { system: { devices }, io }: Pick<SystemMachine, "system" | "io">,
): readonly string[] {
  const { as, writable, file, below } = disk;
  const id = `disk${index}`;
  const top = io === undefined ? id : `${id}.rate`;
  const lower = below === undefined ? [] : nodes(`${id}.below`, below, false, null);
  return [
    ...lower,
    ...nodes(id, file, writable, below === undefined ? null : `${id}.below`),
    ...(io === undefined ? [] : throttledNode(top, id, writable)),
    ...["-device", `${place(as, devices, index)},drive=${top},bootindex=${index + 1}${serial(disk)}`],
  ];
}

/** The file, and what understands its format. Without a word on what lies below, QEMU would believe the file. */
function nodes(id: string, { path, format }: DiskFile, writable: boolean, below: string | null): readonly string[] {
  const access = { "read-only": !writable, ...(writable ? { discard: "unmap" } : {}) };
  const file = { driver: "file", "node-name": `${id}.file`, filename: path, ...access };
  const image = { driver: format, "node-name": id, file: `${id}.file`, ...access };
  return [
    ...["-blockdev", JSON.stringify(file)],
    ...["-blockdev", JSON.stringify(format === "qcow2" ? { ...image, backing: below } : image)],
  ];
}

/** A q35 has a controller of the old kind with six places. */
function place(as: SystemDisk["as"], devices: OwnMachine["devices"], index: number): string {
  if (as === "cdrom") return `ide-cd,bus=ide.${index}`;
  return devices === "virtio" ? "virtio-blk-pci" : `ide-hd,bus=ide.${index}`;
}

/** As many characters as such a disk can say; what is longer has no serial number. */
function serial({ as, name }: SystemDisk): string {
  return as === "disk" && name.length <= 20 ? `,serial=${name}` : "";
}

function uuidOf(machineId: string): string {
  return machineId.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
