/**
 * QEMU: the VMM that every distribution has. Source: qemu-system(1).
 *
 * Emulated, the machine is a q35: a microvm has no clock against which the kernel could measure a busy host's, and hangs.
 * Version 7.2 emulates cmpxchg16b wrongly, so that newer kernels crash: the processor goes without it.
 */
import type { Argv } from "../../step/index.ts";
import { CARD_PLACE } from "./pass-through.ts";
import { driveWords, folderRate } from "./throttle.ts";
import type { Machine, Vmm, VmmPlan } from "./vmm.ts";

/** It never needs a right that it has not at its start, nor another program. */
const SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";

export const qemu: Vmm = {
  name: "qemu",
  program: "qemu-system-x86_64",
  package: "qemu-system-x86",
  can: new Set([
    ...(["emulation", "disk-names", "folders-9p", "folders-virtiofs", "ports", "console-socket", "card"] as const),
    ...(["vsock", "sandbox", "snapshots", "balloon", "pass-through", "throttle", "hotplug"] as const),
  ]),
  // A q35 has 31 places on its bus, and a microvm 24. Beside these are streams, cards, and what gives memory back.
  mostPlaces: 20,
  plan(machine: Machine, program: string): VmmPlan {
    return { argv: argvOf(machine, program) };
  },
};

function argvOf(machine: Machine, program: string): Argv {
  const { memoryMiB, kernel, root, commandLine, disks, folders, ports } = machine;
  return [
    program,
    // Nothing but what stands here: no network card, no screen, no files of the host's that change the machine.
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-sandbox", SANDBOX],
    ...processor(machine),
    ...["-m", String(memoryMiB), ...memoryOf(machine), "-kernel", kernel, "-initrd", root, "-append", commandLine],
    ...["-chardev", `socket,id=console,path=${machine.console}`, "-serial", "chardev:console"],
    ...(machine.commands === undefined
      ? []
      : ["-chardev", `socket,id=commands,path=${machine.commands}`, "-mon", "chardev=commands,mode=control"]),
    ...disks.flatMap(({ name, file }) => [
      ...["-drive", `id=${name},if=none,format=raw,readonly=on,file=${file}${driveWords(machine.io)}`],
      ...["-device", `${device(machine, "virtio-blk")},drive=${name},serial=${name}`],
    ]),
    ...folders.flatMap(({ name, folder, writable }) => [
      "-fsdev",
      `local,id=${name},path=${folder},security_model=none,multidevs=remap${writable ? "" : ",readonly=on"}${folderRate(machine.io)}`,
      ...["-device", `${device(machine, "virtio-9p")},fsdev=${name},mount_tag=${name}`],
    ]),
    // Each a stream of frames to one socket; nobody else is on it.
    ...machine.cards.flatMap(({ name, socket, address }) => [
      ...["-netdev", `stream,id=${name},server=off,addr.type=unix,addr.path=${socket}`],
      ...["-device", `${device(machine, "virtio-net")},netdev=${name},mac=${address}`],
    ]),
    ...["-device", device(machine, "virtio-serial")],
    ...ports.flatMap(({ name, socket }, index) => [
      ...["-chardev", `socket,id=port${index},path=${socket}`],
      ...["-device", `virtserialport,chardev=port${index},name=${name}`],
    ]),
    ...(machine.passed === undefined ? [] : ["-device", `vfio-pci,host=${machine.passed},addr=${CARD_PLACE}`]),
    ...(machine.givesBack === true && machine.memory === undefined
      ? ["-device", `${device(machine, "virtio-balloon")},free-page-reporting=on`]
      : []),
  ];
}

function processor(machine: Machine): readonly string[] {
  const { accelerator, memory, processors } = machine;
  const own = memory === undefined ? "" : ",memory-backend=memory";
  return [
    ...["-M", `${hasBus(machine) ? "q35" : "microvm"}${own}`],
    ...(accelerator === "kvm" ? ["-accel", "kvm", "-cpu", "host"] : ["-accel", "tcg", "-cpu", "max,-cx16"]),
    ...["-smp", String(processors)],
  ];
}

/** A copy's pages are its own as soon as it writes to them. */
function memoryOf({ memory, memoryMiB }: Machine): readonly string[] {
  if (memory === undefined) return [];
  const share = memory.kind === "template" ? "on" : "off";
  const backend = `memory-backend-file,id=memory,size=${memoryMiB}M,mem-path=${memory.file},share=${share}`;
  return ["-object", backend, ...(memory.kind === "copy" ? ["-incoming", "defer"] : [])];
}

/** A microvm has no PCI bus, which a card of the host's needs. */
function hasBus({ accelerator, passed }: Machine): boolean {
  return accelerator !== "kvm" || passed !== undefined;
}

function device(machine: Machine, kind: string): string {
  return `${kind}-${hasBus(machine) ? "pci" : "device"}`;
}
