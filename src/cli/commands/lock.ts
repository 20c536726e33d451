/** `lock`: exactly which packages an image is made of. */
import type { LockResponseJson } from "../../contract/index.ts";
import { follow } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { proposeStartable } from "../names.ts";
import { formatBytes, print, printJson } from "../print.ts";

export default defineCommand<{ readonly update: boolean; readonly quiet: boolean; readonly json: boolean }, [string]>({
  parameters: {
    flags: {
      update: { kind: "boolean", brief: "Resolve anew, with what the archive has today.", default: false },
      quiet: { kind: "boolean", brief: "No progress.", default: false },
      json: JSON_FLAG,
    },
    positional: {
      kind: "tuple",
      parameters: [
        { parse: String, brief: "Instance or recipe.", placeholder: "NAME", proposeCompletions: proposeStartable },
      ],
    },
  },
  examples: ["lock ripgrep", "lock ripgrep --update"],
  async run(world, flags, name) {
    const locked = await follow<LockResponseJson>(world, "Lock", { name, update: flags.update }, flags.quiet);
    if (!locked.ok) return locked.problem.exit;
    const { file = "", packages = 0, bytes = 0 } = locked.value.done ?? {};
    if (flags.json) printJson(world, { file, packages, bytes });
    else print(world, `${file}: ${packages} packages, ${formatBytes(Number(bytes))}`);
    return EXIT.done;
  },
});
