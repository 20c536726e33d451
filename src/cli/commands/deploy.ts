/** `deploy`: an instance of a recipe, with nothing granted yet. */
import type { DeployResponseJson } from "../../contract/index.ts";
import { ask } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { proposeRecipes } from "../names.ts";
import { print, printJson, warn } from "../print.ts";

export default defineCommand<{ readonly as?: string; readonly json: boolean }, [string]>({
  parameters: {
    flags: {
      as: {
        kind: "parsed",
        parse: String,
        brief: "The instance's name, where it is not the recipe's.",
        placeholder: "NAME",
        optional: true,
      },
      json: JSON_FLAG,
    },
    positional: {
      kind: "tuple",
      parameters: [
        { parse: String, brief: "Name of a recipe.", placeholder: "RECIPE", proposeCompletions: proposeRecipes },
      ],
    },
  },
  examples: ["deploy radicale", "deploy radicale --as radicale-family"],
  async run(world, flags, recipe) {
    const answer = await ask<DeployResponseJson>(world, "Deploy", { recipe, name: flags.as ?? "" });
    if (!answer.ok) return answer.problem.exit;
    const { name = "", file = "", text = "", notes = [] } = answer.value;
    for (const note of notes) warn(world, note);
    if (flags.json) printJson(world, { name, file });
    else print(world, `wrote ${file}:\n${text}\nnothing is granted yet; change that with: skerry edit ${name}`);
    return EXIT.done;
  },
});
