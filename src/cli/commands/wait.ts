/** `wait`: until it has ended; the exit code is the app's. With --ready until it can be used. */
import { setTimeout as pause } from "node:timers/promises";
import type { ListCompartmentsResponseJson, WaitReadyResponseJson, WaitResponseJson } from "../../contract/index.ts";
import { processOf } from "../../host/processes.ts";
import { ask, follow } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { proposeRunning } from "../names.ts";
import { print, printJson } from "../print.ts";
import type { World } from "../world.ts";

const LOOK_EVERY_MS = 100;

export default defineCommand<{ readonly json: boolean; readonly ready: boolean; readonly unit: boolean }, [string]>({
  parameters: {
    flags: {
      ready: { kind: "boolean", brief: "Until it is ready instead.", default: false },
      unit: {
        kind: "boolean",
        brief: "For units of systemd: until it runs and is ready, or $MAINPID has ended.",
        default: false,
      },
      json: JSON_FLAG,
    },
    positional: {
      kind: "tuple",
      parameters: [
        { parse: String, brief: "Name of the instance.", placeholder: "NAME", proposeCompletions: proposeRunning },
      ],
    },
  },
  examples: ["wait radicale", "wait --ready radicale"],
  async run(world, { json, ready, unit }, name) {
    if (unit) return await waitForUnit(world, name);
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

/**
 * The unit's own command is just starting it, and may have to build first. That it is late is said, and fails no unit:
 * the app is left alone.
 */
async function waitForUnit(world: World, name: string): Promise<number> {
  const main = Number(world.environment["MAINPID"] ?? 0);
  while (!world.signal.aborted && (main === 0 || processOf(main) !== undefined)) {
    const runs = await ask<ListCompartmentsResponseJson>(world, "ListCompartments", {});
    if (!runs.ok) return runs.problem.exit;
    if ((runs.value.compartments ?? []).some((one) => one.name === name && one.state === "running")) {
      await follow<WaitReadyResponseJson>(world, "WaitReady", { name }, true);
      return EXIT.done;
    }
    await pause(LOOK_EVERY_MS);
  }
  return EXIT.done;
}
