/** `disk snapshot`: keeps what the disks of a system of its own hold. */
import { defineCommand } from "../command.ts";
import { DISK_FLAGS, type DiskFlags, INSTANCE_WORD, LABEL_WORD, workOnDisks } from "../disk-work.ts";

export default defineCommand<DiskFlags, [string, string?]>({
  parameters: {
    flags: DISK_FLAGS,
    positional: { kind: "tuple", parameters: [INSTANCE_WORD, { ...LABEL_WORD, optional: true }] },
    aliases: { q: "quiet" },
  },
  description: [
    "Of the instance's own disks, which are those with the answer copy or empty, while it does not run. A snapshot lies in",
    "the disks' own files, and takes room only for what is written afterwards. Files of yours (real, subset) are left alone,",
    "and so is what firmware and TPM remember. Without a label it is named by its time.",
  ].join("\n"),
  examples: ["disk snapshot debian before-upgrade", "disk restore debian before-upgrade"],
  run: async (world, flags, name, label = "") =>
    await workOnDisks(
      world,
      flags,
      { name, act: "snapshot", label },
      (made, disks) =>
        `${made.name} has a snapshot "${made.label}" of ${disks}; skerry disk restore ${made.name} ${made.label} brings it back`,
    ),
});
