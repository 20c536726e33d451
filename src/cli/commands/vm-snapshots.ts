/** `vm snapshots`: which machines are written down, and what they take. */
import type { ListSnapshotsResponseJson } from "../../contract/index.ts";
import { ask } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { formatBytes, printJson, printTable } from "../print.ts";

export default defineCommand<{ readonly json: boolean }>({
  parameters: { flags: { json: JSON_FLAG } },
  examples: ["vm snapshots"],
  async run(world, { json }) {
    const answer = await ask<ListSnapshotsResponseJson>(world, "SnapshotService/ListSnapshots", {});
    if (!answer.ok) return answer.problem.exit;
    const { snapshots = [] } = answer.value;
    if (json) printJson(world, snapshots);
    else
      printTable(
        world,
        snapshots,
        [
          { title: "NAME", cell: ({ name = "" }) => name },
          { title: "SIZE", cell: ({ bytes = 0 }) => formatBytes(Number(bytes)), right: true },
          { title: "MADE", cell: ({ made = "" }) => made },
          { title: "BY", cell: ({ vmm = "" }) => vmm },
          { title: "STATE", cell: ({ unfit = "" }) => (unfit === "" ? "fits" : `not used: ${unfit}`) },
        ],
        "no machine is written down; vm snapshot does it",
      );
    return EXIT.done;
  },
});
