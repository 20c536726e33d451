/** What each VMM would be started with: the command lines as they stand in its documents, word by word. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { VMM_NAMES } from "../../model/index.ts";
import { lacksOf, type Machine } from "./vmm.ts";
import { VMMS } from "./vmms.ts";

const MACHINE: Machine = {
  ...({ accelerator: "kvm", processors: 2, memoryMiB: 256, kernel: "/k", root: "/r", commandLine: "quiet" } as const),
  disks: [
    { name: "start", file: "/s" },
    { name: "layer0", file: "/l" },
  ],
  folders: [{ name: "folder0", folder: "/vm/folder0", writable: false }],
  ports: [{ name: "skerry.out", socket: "/run/out" }],
  cards: [],
  console: "/run/console",
  givesBack: true,
};

test("QEMU, with the host's own processor, runs a machine without a bus", () => {
  assert.deepEqual(VMMS.qemu.plan(MACHINE, "/usr/bin/qemu", "").argv, [
    ...["/usr/bin/qemu", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ...["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"],
    ...["-M", "microvm", "-accel", "kvm", "-cpu", "host", "-smp", "2", "-m", "256"],
    ...["-kernel", "/k", "-initrd", "/r", "-append", "quiet"],
    ...["-chardev", "socket,id=console,path=/run/console", "-serial", "chardev:console"],
    ...["-drive", "id=start,if=none,format=raw,readonly=on,file=/s"],
    ...["-device", "virtio-blk-device,drive=start,serial=start"],
    ...["-drive", "id=layer0,if=none,format=raw,readonly=on,file=/l"],
    ...["-device", "virtio-blk-device,drive=layer0,serial=layer0"],
    ...["-fsdev", "local,id=folder0,path=/vm/folder0,security_model=none,multidevs=remap,readonly=on"],
    ...["-device", "virtio-9p-device,fsdev=folder0,mount_tag=folder0", "-device", "virtio-serial-device"],
    ...["-chardev", "socket,id=port0,path=/run/out", "-device", "virtserialport,chardev=port0,name=skerry.out"],
    ...["-device", "virtio-balloon-device,free-page-reporting=on"],
  ]);
});

test("cloud-hypervisor's options come once each, with a word for each disk and folder", () => {
  assert.deepEqual(VMMS["cloud-hypervisor"].plan(MACHINE, "/bin/ch", ""), {
    argv: [
      ...["/bin/ch", "--cpus", "boot=2", "--memory", "size=256M,shared=on"],
      ...["--balloon", "size=0,free_page_reporting=on"],
      ...["--kernel", "/k", "--initramfs", "/r", "--cmdline", "quiet"],
      ...["--serial", "socket=/run/console", "--console", "off", "--seccomp", "true"],
      ...["--disk", "path=/s,readonly=on,id=start,serial=start", "path=/l,readonly=on,id=layer0,serial=layer0"],
      ...["--fs", "tag=folder0,id=folder0,socket=/run/folder0"],
    ],
  });
});

test("crosvm's kernel comes last, and its streams are consoles with a name", () => {
  assert.deepEqual(VMMS.crosvm.plan(MACHINE, "/bin/crosvm", ""), {
    argv: [
      ...["/bin/crosvm", "run", "--disable-sandbox", "--cpus", "2", "--mem", "256", "--initrd", "/r"],
      ...["--params", "quiet", "--serial", "type=unix-stream,path=/run/console,hardware=serial,num=1,console=true"],
      ...["--block", "/s,ro,id=start", "--block", "/l,ro,id=layer0", "--shared-dir", "/vm/folder0:folder0:type=p9"],
      "--serial",
      "type=unix-stream,path=/run/out,input-unix-stream=true,hardware=virtio-console,num=1,name=skerry.out",
      "/k",
    ],
  });
});

test("Firecracker's machine stands in a file", () => {
  const { argv, settings = "" } = VMMS.firecracker.plan(MACHINE, "/bin/firecracker", "/vm/settings");
  assert.deepEqual(argv, ["/bin/firecracker", "--no-api", "--config-file", "/vm/settings"]);
  const drive = (name: string, file: string) => ({
    ...{ drive_id: name, path_on_host: file, is_root_device: false, is_read_only: true },
  });
  assert.deepEqual(JSON.parse(settings), {
    "boot-source": { kernel_image_path: "/k", initrd_path: "/r", boot_args: "quiet" },
    drives: [drive("start", "/s"), drive("layer0", "/l")],
    "machine-config": { vcpu_count: 2, mem_size_mib: 256 },
  });
});

test("what a VMM cannot do is known of it, and only of what the machine has", () => {
  const lacks = (name: (typeof VMM_NAMES)[number], machine: Partial<Machine> = {}) =>
    lacksOf(VMMS[name], { ...MACHINE, ...machine });
  assert.deepEqual(lacks("qemu", { accelerator: "emulated" }), []);
  assert.deepEqual(lacks("crosvm"), []);
  assert.deepEqual(lacks("crosvm", { accelerator: "emulated" }), ["emulation"]);
  assert.deepEqual(lacks("cloud-hypervisor"), ["folders-9p", "ports", "console-socket"]);
  assert.deepEqual(lacks("firecracker", { folders: [], disks: [] }), ["ports", "console-socket"]);
});

test("each has its own name", () => {
  for (const name of VMM_NAMES) assert.equal(VMMS[name].name, name);
});
