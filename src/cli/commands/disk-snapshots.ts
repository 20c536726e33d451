/** `disk snapshots`: what was kept of the disks of systems of their own. */
import type { ListDiskSnapshotsResponseJson } from "../../contract/index.ts";
import { ask } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { INSTANCE_WORD } from "../disk-work.ts";
import { EXIT } from "../exit.ts";
import { printJson, printTable } from "../print.ts";

export default defineCommand<{ readonly json: boolean }, [string?]>({
  parameters: {
    flags: { json: JSON_FLAG },
    positional: { kind: "tuple", parameters: [{ ...INSTANCE_WORD, optional: true }] },
  },
  description: "Of one instance, or of all. The oldest is first.",
  examples: ["disk snapshots", "disk snapshots debian --json"],
  async run(world, { json }, name = "") {
    const answer = await ask<ListDiskSnapshotsResponseJson>(world, "DiskService/ListDiskSnapshots", { name });
    if (!answer.ok) return answer.problem.exit;
    const { snapshots = [] } = answer.value;
    if (json) printJson(world, snapshots);
    else
      printTable(
        world,
        snapshots,
        [
          { title: "NAME", cell: (one) => one.name ?? "" },
          { title: "LABEL", cell: ({ label = "" }) => label },
          { title: "MADE", cell: ({ made = "" }) => made },
          { title: "DISKS", cell: ({ disks = [] }) => disks.join(", ") },
          {
            title: "STATE",
            cell: ({ lacking = [] }) => (lacking.length === 0 ? "whole" : `does not hold ${lacking.join(", ")}`),
          },
        ],
        "no disk has a snapshot; disk snapshot makes one",
      );
    return EXIT.done;
  },
});
