/** Those that a deployment can choose, by the word it does so with. */
import type { VmmName } from "../../model/index.ts";
import { cloudHypervisor } from "./cloud-hypervisor.ts";
import { crosvm } from "./crosvm.ts";
import { firecracker } from "./firecracker.ts";
import { qemu } from "./qemu.ts";
import type { Vmm } from "./vmm.ts";

export const VMMS: Readonly<Record<VmmName, Vmm>> = {
  qemu,
  "cloud-hypervisor": cloudHypervisor,
  crosvm,
  firecracker,
};
