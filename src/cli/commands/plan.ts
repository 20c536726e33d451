/** `plan`: every step of a start, with nothing done. */
import type { PlanResponseJson } from "../../contract/index.ts";
import { ask } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { proposeStartable } from "../names.ts";
import { complain, print, printJson } from "../print.ts";
import { WANTED_FLAGS, type WantedFlags, wantedOf } from "../wanted-flags.ts";

interface Flags extends WantedFlags {
  readonly json: boolean;
}

export default defineCommand<Flags, string[]>({
  parameters: {
    flags: { ...WANTED_FLAGS, json: JSON_FLAG },
    positional: {
      kind: "array",
      parameter: {
        parse: String,
        brief: "Instance or recipe, and behind -- arguments.",
        placeholder: "NAME -- ARGUMENT",
        proposeCompletions: proposeStartable,
      },
    },
  },
  examples: ["plan ripgrep -- TODO", "plan dev-shell --net real"],
  async run(world, flags, ...words) {
    const wanted = wantedOf(world, flags, words);
    if (wanted.name === "" && wanted.packages?.length === 0) {
      complain(world, "plan what? Name an instance or a recipe");
      return EXIT.usage;
    }
    const planned = await ask<PlanResponseJson>(world, "Plan", { wanted });
    if (!planned.ok) return planned.problem.exit;
    const { lines = [], imageBuilt = false } = planned.value;
    if (flags.json) printJson(world, { lines, imageBuilt });
    else for (const line of lines) print(world, line);
    return EXIT.done;
  },
});
