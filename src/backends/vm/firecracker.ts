/**
 * Firecracker: the smallest VMM for KVM, whose machine stands in a file. Source: Firecracker's docs/getting-started.md and
 * src/firecracker/swagger/firecracker.yaml, version 1.12.
 *
 * Untried: Debian has no package of it. It shares no folders, and its disks have no names: our machines are refused.
 */
import type { Vmm, VmmPlan } from "./vmm.ts";

export const firecracker: Vmm = {
  name: "firecracker",
  program: "firecracker",
  package: undefined,
  can: new Set(["vsock", "sandbox", "snapshots", "balloon"]),
  mostPlaces: 16,
  plan({ processors, memoryMiB, kernel, root, commandLine, disks }, program, settings): VmmPlan {
    const machine = {
      "boot-source": { kernel_image_path: kernel, initrd_path: root, boot_args: commandLine },
      drives: disks.map(({ name, file }) => ({
        ...{ drive_id: name, path_on_host: file, is_root_device: false, is_read_only: true },
      })),
      "machine-config": { vcpu_count: processors, mem_size_mib: memoryMiB },
    };
    return {
      argv: [program, "--no-api", "--config-file", settings],
      settings: `${JSON.stringify(machine, undefined, 2)}\n`,
    };
  },
};
