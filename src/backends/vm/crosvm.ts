/**
 * crosvm: the VMM of ChromeOS and Android, for KVM. Source: the crosvm book, `crosvm run --help`.
 *
 * Untried: Debian has no package of it. Its own sandbox needs namespaces that our wall does not allow, so it goes without and
 * stands behind ours alone.
 */
import type { Vmm, VmmPlan } from "./vmm.ts";

export const crosvm: Vmm = {
  name: "crosvm",
  program: "crosvm",
  package: undefined,
  can: new Set([
    ...(["disk-names", "folders-9p", "folders-virtiofs", "ports", "console-socket"] as const),
    ...(["vsock", "snapshots", "balloon"] as const),
  ]),
  mostPlaces: 24,
  plan({ processors, memoryMiB, kernel, root, commandLine, disks, folders, ports, console }, program): VmmPlan {
    return {
      argv: [
        ...([program, "run", "--disable-sandbox"] as const),
        ...["--cpus", String(processors), "--mem", String(memoryMiB), "--initrd", root, "--params", commandLine],
        ...["--serial", `type=unix-stream,path=${console},hardware=serial,num=1,console=true`],
        ...disks.flatMap(({ name, file }) => ["--block", `${file},ro,id=${name}`]),
        ...folders.flatMap(({ name, folder }) => ["--shared-dir", `${folder}:${name}:type=p9`]),
        ...ports.flatMap(({ name, socket }, index) => [
          "--serial",
          `type=unix-stream,path=${socket},input-unix-stream=true,hardware=virtio-console,num=${index + 1},name=${name}`,
        ]),
        kernel,
      ],
    };
  },
};
