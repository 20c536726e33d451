/** `recipes`: what can be deployed. */
import type { ListRecipesResponseJson } from "../../contract/index.ts";
import { ask } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { printJson, printTable } from "../print.ts";

export default defineCommand<{ readonly json: boolean }>({
  parameters: { flags: { json: JSON_FLAG } },
  examples: ["recipes", "recipes --json"],
  async run(world, { json }) {
    const answer = await ask<ListRecipesResponseJson>(world, "ListRecipes", {});
    if (!answer.ok) return answer.problem.exit;
    const { recipes = [] } = answer.value;
    if (json) printJson(world, recipes);
    else {
      printTable(
        world,
        recipes,
        [
          { title: "NAME", cell: ({ name = "" }) => name },
          { title: "FROM", cell: ({ origin = "" }) => origin },
          { title: "COMPONENTS", cell: ({ components = [] }) => components.join(", ") },
          {
            title: "SUMMARY",
            cell: ({ summary = "", problem }) => (problem === undefined ? summary : `cannot be read: ${problem}`),
          },
        ],
        "no recipes",
      );
    }
    return EXIT.done;
  },
});
