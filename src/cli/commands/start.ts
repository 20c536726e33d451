/** `start`: an app in the background; waits until it can be used. */
import type { LaunchResponseJson, WaitReadyResponseJson } from "../../contract/index.ts";
import { follow } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { complain, print, printJson, say } from "../print.ts";
import { QUIET_FLAG, WANTED_FLAGS, WANTED_WORDS, type WantedFlags, wantedOf } from "../wanted-flags.ts";

interface Flags extends WantedFlags {
  readonly quiet: boolean;
  readonly json: boolean;
  readonly wait: boolean;
}

export default defineCommand<Flags, string[]>({
  parameters: {
    flags: {
      ...WANTED_FLAGS,
      quiet: QUIET_FLAG,
      json: JSON_FLAG,
      wait: { kind: "boolean", brief: "Wait until it is ready, where there is a sign of that.", default: true },
    },
    positional: WANTED_WORDS,
    aliases: { q: "quiet" },
  },
  examples: ["start radicale", "start radicale --no-wait", "start dev-shell -- -c 'make -C /work'"],
  async run(world, flags, ...words) {
    const wanted = wantedOf(world, flags, words);
    if (wanted.name === "" && wanted.packages?.length === 0) {
      complain(world, "start what? Name an instance or a recipe (skerry recipes lists them)");
      return EXIT.usage;
    }
    const launched = await follow<LaunchResponseJson>(
      world,
      "Launch",
      { wanted, background: true, callerPid: process.pid },
      flags.quiet,
    );
    if (!launched.ok) return launched.problem.exit;
    const { id = "", name = "", notes = [] } = launched.value.launched ?? {};
    if (!flags.quiet) for (const note of notes) say(world, note);
    let ready = "";
    if (flags.wait) {
      const waited = await follow<WaitReadyResponseJson>(world, "WaitReady", { name }, flags.quiet);
      if (!waited.ok) return waited.problem.exit;
      ready = waited.value.done?.ready ?? "";
    }
    if (flags.json) printJson(world, { id, name });
    else print(world, `${name} ${ready === "ready" ? "is ready" : "runs"}; skerry logs ${name} shows what it says`);
    return EXIT.done;
  },
});
