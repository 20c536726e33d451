/** `vm suspended`: which machines were suspended, and what they take. */
import type { ListSuspendedResponseJson } from "../../contract/index.ts";
import { ask } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { formatBytes, printJson, printTable } from "../print.ts";

export default defineCommand<{ readonly json: boolean }>({
  parameters: { flags: { json: JSON_FLAG } },
  examples: ["vm suspended"],
  async run(world, { json }) {
    const answer = await ask<ListSuspendedResponseJson>(world, "SnapshotService/ListSuspended", {});
    if (!answer.ok) return answer.problem.exit;
    const { machines = [] } = answer.value;
    if (json) printJson(world, machines);
    else
      printTable(
        world,
        machines,
        [
          { title: "NAME", cell: ({ name = "" }) => name },
          { title: "SIZE", cell: ({ bytes = 0 }) => formatBytes(Number(bytes)), right: true },
          { title: "SINCE", cell: ({ since = "" }) => since },
        ],
        "no machine is suspended",
      );
    return EXIT.done;
  },
});
