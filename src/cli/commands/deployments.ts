/** `deployments`: what the owner has deployed. */
import type { ListDeploymentsResponseJson } from "../../contract/index.ts";
import { ask } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { printJson, printTable } from "../print.ts";

export default defineCommand<{ readonly json: boolean }>({
  parameters: { flags: { json: JSON_FLAG } },
  examples: ["deployments"],
  async run(world, { json }) {
    const answer = await ask<ListDeploymentsResponseJson>(world, "ListDeployments", {});
    if (!answer.ok) return answer.problem.exit;
    const { deployments = [] } = answer.value;
    if (json) printJson(world, deployments);
    else {
      printTable(
        world,
        deployments,
        [
          { title: "NAME", cell: ({ name = "" }) => name },
          { title: "RECIPE", cell: ({ recipe = "-" }) => recipe },
          { title: "ISOLATION", cell: ({ isolation = "-" }) => isolation },
          {
            title: "STATE",
            cell: ({ running, problem }) =>
              problem === undefined ? (running === true ? "running" : "-") : `cannot be read: ${problem}`,
          },
        ],
        "nothing is deployed; skerry recipes lists what can be",
      );
    }
    return EXIT.done;
  },
});
