/** `disable`: an instance runs only when it is started by hand. */
import type { SetEnabledResponseJson } from "../../contract/index.ts";
import { ask } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { INSTANCE_NAME } from "../names.ts";
import { print, printJson } from "../print.ts";
import { letGo } from "../units.ts";

export default defineCommand<{ readonly now: boolean; readonly json: boolean }, [string]>({
  parameters: {
    flags: { now: { kind: "boolean", brief: "Stop it at once, too.", default: false }, json: JSON_FLAG },
    positional: INSTANCE_NAME,
  },
  description: "Writes `autostart: false` into its deployment, and takes away its unit of systemd. What runs runs on.",
  examples: ["disable radicale", "disable radicale --now"],
  async run(world, { now, json }, name) {
    const reload = await letGo(world, name);
    const answer = await ask<SetEnabledResponseJson>(world, "SetEnabled", { name, enabled: false, units: false });
    if (!answer.ok) return answer.problem.exit;
    await reload();
    if (now) {
      const stopped = await ask<object>(world, "Stop", { name });
      // One that does not run is as it is wanted.
      if (!stopped.ok && stopped.problem.exit !== EXIT.refused) return stopped.problem.exit;
    }
    const { file = "" } = answer.value;
    if (json) printJson(world, { name, file });
    else print(world, `${name} is started by hand only (${file})`);
    return EXIT.done;
  },
});
