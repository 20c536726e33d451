/**
 * cloud-hypervisor: a small VMM for KVM. Source: cloud-hypervisor(1) `--help`, docs/device_model.md of version 41.
 *
 * Untried: Debian has no package of it. Its machines have no named ports, so ours, which speak by them, are refused.
 */
import type { Machine, Vmm, VmmPlan } from "./vmm.ts";

export const cloudHypervisor: Vmm = {
  name: "cloud-hypervisor",
  program: "cloud-hypervisor",
  package: undefined,
  can: new Set(["disk-names", "folders-virtiofs", "vsock", "sandbox", "snapshots", "balloon", "hotplug"]),
  // One PCI segment has 32 places; some are taken.
  mostPlaces: 24,
  plan(
    { processors, memoryMiB, kernel, root, commandLine, disks, folders, console, givesBack }: Machine,
    program,
  ): VmmPlan {
    return {
      argv: [
        program,
        ...["--cpus", `boot=${processors}`],
        // The daemons of virtio-fs look into the machine's memory.
        ...["--memory", `size=${memoryMiB}M${folders.length > 0 ? ",shared=on" : ""}`],
        ...(givesBack === true ? ["--balloon", "size=0,free_page_reporting=on"] : []),
        ...["--kernel", kernel, "--initramfs", root, "--cmdline", commandLine],
        // It listens there, and does not connect: no socket of the monitor's.
        ...["--serial", `socket=${console}`, "--console", "off", "--seccomp", "true"],
        ...several("--disk", disks, ({ name, file }) => `path=${file},readonly=on,id=${name},serial=${name}`),
        ...several("--fs", folders, ({ name }) => `tag=${name},id=${name},socket=/run/${name}`),
      ],
    };
  },
};

/** One option with a word for each; it is written once. */
function several<One>(option: string, all: readonly One[], word: (one: One) => string): readonly string[] {
  return all.length === 0 ? [] : [option, ...all.map(word)];
}
