/** `disk restore`: brings the disks of a system of its own back to a snapshot. */
import { defineCommand } from "../command.ts";
import { DISK_FLAGS, type DiskFlags, INSTANCE_WORD, LABEL_WORD, workOnDisks } from "../disk-work.ts";

export default defineCommand<DiskFlags, [string, string]>({
  parameters: {
    flags: DISK_FLAGS,
    positional: { kind: "tuple", parameters: [INSTANCE_WORD, LABEL_WORD] },
    aliases: { q: "quiet" },
  },
  description: [
    "What was written since then is lost, unless another snapshot holds it. The snapshot stays. Where it is interrupted, the",
    "instance does not start until it is done again.",
  ].join("\n"),
  examples: ["disk restore debian before-upgrade"],
  run: async (world, flags, name, label) =>
    await workOnDisks(
      world,
      flags,
      { name, act: "restore", label },
      (back, disks) => `${disks} of ${back.name}: back to "${back.label}"`,
    ),
});
