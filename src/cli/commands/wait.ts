/** `wait`: until it has ended; the exit code is the app's. */
import type { WaitResponseJson } from "../../contract/index.ts";
import { ask } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { proposeRunning } from "../names.ts";
import { print, printJson } from "../print.ts";

export default defineCommand<{ readonly json: boolean }, [string]>({
  parameters: {
    flags: { json: JSON_FLAG },
    positional: {
      kind: "tuple",
      parameters: [
        { parse: String, brief: "Name of the instance.", placeholder: "NAME", proposeCompletions: proposeRunning },
      ],
    },
  },
  examples: ["wait radicale"],
  async run(world, { json }, name) {
    const answer = await ask<WaitResponseJson>(world, "Wait", { name });
    if (!answer.ok) return answer.problem.exit;
    const { exitCode = 0, ended = "" } = answer.value;
    if (json) printJson(world, { name, exitCode, ended });
    else
      print(world, exitCode === -1 ? `${name} has ended; nobody saw how` : `${name} has ended (exit code ${exitCode})`);
    return exitCode === -1 ? 125 : exitCode;
  },
});
