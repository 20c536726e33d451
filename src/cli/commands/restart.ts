/** `restart`: what runs in the background ends and starts again, with what its deployment says now. */
import type { RestartResponseJson, WaitReadyResponseJson } from "../../contract/index.ts";
import { follow } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { RUNNING_NAMES } from "../names.ts";
import { print, printJson, say } from "../print.ts";
import { QUIET_FLAG } from "../wanted-flags.ts";

interface Flags {
  readonly quiet: boolean;
  readonly json: boolean;
}

export default defineCommand<Flags, string[]>({
  parameters: {
    flags: { quiet: QUIET_FLAG, json: JSON_FLAG },
    positional: RUNNING_NAMES,
    aliases: { q: "quiet" },
  },
  description:
    "It starts with the words that it was started with. What could not start, since its deployment does not allow it any more, is not ended.",
  examples: ["restart radicale"],
  async run(world, { quiet, json }, ...names) {
    let exit: number = EXIT.done;
    for (const name of names) {
      const launched = await follow<RestartResponseJson>(world, "Restart", { name }, quiet);
      const ready = launched.ok
        ? await follow<WaitReadyResponseJson>(world, "WaitReady", { name }, quiet)
        : { ok: false as const, problem: launched.problem };
      if (launched.ok && !quiet) for (const note of launched.value.launched?.notes ?? []) say(world, note);
      if (!launched.ok || !ready.ok) exit = ready.ok ? EXIT.fault : ready.problem.exit;
      else if (json) printJson(world, { id: launched.value.launched?.id ?? "", name });
      else print(world, `${name} ${ready.value.done?.ready === "ready" ? "is ready again" : "runs again"}`);
    }
    return exit;
  },
});
