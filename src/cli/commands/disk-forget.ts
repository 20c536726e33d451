/** `disk forget`: lets go of a snapshot of disks. */
import { defineCommand } from "../command.ts";
import { DISK_FLAGS, type DiskFlags, INSTANCE_WORD, LABEL_WORD, workOnDisks } from "../disk-work.ts";

export default defineCommand<DiskFlags, [string, string]>({
  parameters: {
    flags: DISK_FLAGS,
    positional: { kind: "tuple", parameters: [INSTANCE_WORD, LABEL_WORD] },
    aliases: { q: "quiet" },
  },
  description: "What the disks hold now stays as it is.",
  examples: ["disk forget debian before-upgrade"],
  run: async (world, flags, name, label) =>
    await workOnDisks(
      world,
      flags,
      { name, act: "forget", label },
      (gone) => `the snapshot "${gone.label}" of ${gone.name} is gone`,
    ),
});
