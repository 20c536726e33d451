/** `rollback`: the image that the last upgrade replaced. */
import type { RollbackResponseJson } from "../../contract/index.ts";
import { follow } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { proposeImages } from "../names.ts";
import { print, printJson } from "../print.ts";

export default defineCommand<{ readonly quiet: boolean; readonly json: boolean }, [string]>({
  parameters: {
    flags: { quiet: { kind: "boolean", brief: "No progress.", default: false }, json: JSON_FLAG },
    positional: {
      kind: "tuple",
      parameters: [{ parse: String, brief: "Image.", placeholder: "NAME", proposeCompletions: proposeImages }],
    },
    aliases: { q: "quiet" },
  },
  description: "Data is not touched. A second rollback goes forward again.",
  examples: ["rollback radicale"],
  async run(world, flags, name) {
    const rolled = await follow<RollbackResponseJson>(world, "StoreService/Rollback", { name }, flags.quiet);
    if (!rolled.ok) return rolled.problem.exit;
    const { recipe = "", packages = [] } = rolled.value.done ?? {};
    if (flags.json) printJson(world, { recipe, packages });
    else print(world, `${recipe} is what it was before: ${packages.length} packages have another version`);
    return EXIT.done;
  },
});
