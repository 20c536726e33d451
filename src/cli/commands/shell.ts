/** `shell`: a shell in a running compartment. */
import { defineCommand, type NoFlags } from "../command.ts";
import { enterApp } from "../enter-app.ts";
import { proposeRunning } from "../names.ts";

export default defineCommand<NoFlags, [string]>({
  parameters: {
    positional: {
      kind: "tuple",
      parameters: [
        { parse: String, brief: "Name of the instance.", placeholder: "NAME", proposeCompletions: proposeRunning },
      ],
    },
  },
  examples: ["shell radicale"],
  run: async (world, _flags, name) => await enterApp(world, { name, command: [], directory: "", purpose: "shell" }),
});
