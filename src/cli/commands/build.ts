/** `build`: the image, before anybody waits for it. */
import type { BuildResponseJson } from "../../contract/index.ts";
import { follow } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { proposeStartable } from "../names.ts";
import { print, printJson } from "../print.ts";

export default defineCommand<{ readonly quiet: boolean; readonly json: boolean }, [string]>({
  parameters: {
    flags: { quiet: { kind: "boolean", brief: "No progress.", default: false }, json: JSON_FLAG },
    positional: {
      kind: "tuple",
      parameters: [
        { parse: String, brief: "Instance or recipe.", placeholder: "NAME", proposeCompletions: proposeStartable },
      ],
    },
    aliases: { q: "quiet" },
  },
  examples: ["build radicale"],
  async run(world, flags, name) {
    const built = await follow<BuildResponseJson>(world, "Build", { name }, flags.quiet);
    if (!built.ok) return built.problem.exit;
    const { recipe = "", layers = [], built: time = "" } = built.value.done ?? {};
    if (flags.json) printJson(world, { recipe, layers, built: time });
    else print(world, `${recipe} is built: ${layers.length} layers, the topmost of ${time}`);
    return EXIT.done;
  },
});
