/** `run`: an app in the foreground, with this terminal. */
import type { LaunchResponseJson, WaitResponseJson } from "../../contract/index.ts";
import { STOPPED_BY_OWNER } from "../../session/index.ts";
import { agentOf, follow } from "../ask-agent.ts";
import { attach, streamsFit } from "../attach.ts";
import { defineCommand } from "../command.ts";
import { APP_EXIT, EXIT } from "../exit.ts";
import { complain, say } from "../print.ts";
import { QUIET_FLAG, WANTED_FLAGS, WANTED_WORDS, type WantedFlags, wantedOf } from "../wanted-flags.ts";

interface Flags extends WantedFlags {
  readonly quiet: boolean;
  readonly unit: boolean;
}

export default defineCommand<Flags, string[]>({
  parameters: {
    flags: {
      ...WANTED_FLAGS,
      quiet: QUIET_FLAG,
      unit: {
        kind: "boolean",
        brief: "For units of systemd: end with code 213 where its owner has stopped it.",
        default: false,
      },
    },
    positional: WANTED_WORDS,
    aliases: { q: "quiet" },
  },
  description:
    "Builds the image when it is missing. Without a deployment one that grants nothing is written and shown.",
  examples: [
    "run ripgrep -- --version",
    "run ripgrep --folder .=subset -- TODO",
    "run --rm --package ripgrep --folder .=real -- rg TODO",
  ],
  async run(world, flags, ...words) {
    const wanted = wantedOf(world, flags, words);
    if (wanted.name === "" && wanted.packages?.length === 0) {
      complain(world, "run what? Name an instance or a recipe (skerry recipes lists them), or packages with --package");
      return EXIT.usage;
    }
    if (!streamsFit(world)) return APP_EXIT.skerryFailed;
    const launched = await follow<LaunchResponseJson>(
      world,
      "Launch",
      { wanted, background: false, callerPid: process.pid },
      flags.quiet,
    );
    if (!launched.ok) return launched.problem.exit === EXIT.interrupted ? EXIT.interrupted : APP_EXIT.skerryFailed;
    const { argv = [], notes = [], name = "", copies = false } = launched.value.launched ?? {};
    if (!flags.quiet) for (const note of notes) say(world, note);
    const code = await attach(world, argv, () => void agentOf(world).call("Stop", { name, graceMs: 2000 }));
    // Of a copy nothing is kept with --rm; how much that was is known when it has ended.
    if (wanted.remove === true && copies) {
      const waited = await agentOf(world).call<WaitResponseJson>("Wait", { name });
      if (waited.ok) for (const note of waited.value.notes ?? []) say(world, note);
    }
    if (!flags.unit) return code;
    const ended = await agentOf(world).call<WaitResponseJson>("Wait", { name });
    return ended.ok && ended.value.stopped === true ? STOPPED_BY_OWNER : code;
  },
});
