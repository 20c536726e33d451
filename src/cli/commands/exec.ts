/** `exec`: one more program in a running compartment. */
import { defineCommand } from "../command.ts";
import { enterApp } from "../enter-app.ts";
import { EXIT } from "../exit.ts";
import { proposeRunning } from "../names.ts";
import { complain } from "../print.ts";

export default defineCommand<{ readonly directory?: string }, string[]>({
  parameters: {
    flags: {
      directory: {
        kind: "parsed",
        parse: String,
        brief: "Working directory inside.",
        placeholder: "PATH",
        optional: true,
      },
    },
    positional: {
      kind: "array",
      minimum: 1,
      parameter: {
        parse: String,
        brief: "Instance, and behind -- the command.",
        placeholder: "NAME -- COMMAND",
        proposeCompletions: proposeRunning,
      },
    },
  },
  examples: ["exec radicale -- ls -l /var/lib/radicale-data"],
  async run(world, flags, name = "", ...command) {
    if (command.length === 0) {
      complain(world, `exec what? skerry exec ${name} -- COMMAND; or skerry shell ${name}`);
      return EXIT.usage;
    }
    return await enterApp(world, { name, command, directory: flags.directory ?? "", purpose: "exec" });
  },
});
