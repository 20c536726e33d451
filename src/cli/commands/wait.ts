/** `wait`: until it has ended; the exit code is the app's. With --ready until it can be used. */
import type { WaitReadyResponseJson, WaitResponseJson } from "../../contract/index.ts";
import { ask, follow } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { proposeRunning } from "../names.ts";
import { print, printJson } from "../print.ts";

export default defineCommand<{ readonly json: boolean; readonly ready: boolean }, [string]>({
  parameters: {
    flags: { ready: { kind: "boolean", brief: "Until it is ready instead.", default: false }, json: JSON_FLAG },
    positional: {
      kind: "tuple",
      parameters: [
        { parse: String, brief: "Name of the instance.", placeholder: "NAME", proposeCompletions: proposeRunning },
      ],
    },
  },
  examples: ["wait radicale", "wait --ready radicale"],
  async run(world, { json, ready }, name) {
    if (ready) {
      const waited = await follow<WaitReadyResponseJson>(world, "WaitReady", { name }, json);
      if (!waited.ok) return waited.problem.exit;
      if (json) printJson(world, { name, ready: waited.value.done?.ready ?? "" });
      else print(world, waited.value.done?.ready === "ready" ? `${name} is ready` : `${name} has no sign of readiness`);
      return EXIT.done;
    }
    const answer = await ask<WaitResponseJson>(world, "Wait", { name });
    if (!answer.ok) return answer.problem.exit;
    const { exitCode = 0, ended = "" } = answer.value;
    if (json) printJson(world, { name, exitCode, ended });
    else
      print(world, exitCode === -1 ? `${name} has ended; nobody saw how` : `${name} has ended (exit code ${exitCode})`);
    return exitCode === -1 ? 125 : exitCode;
  },
});
