/** `upgrade`: images from what the archives have today. */
import type { UpgradeResponseJson } from "../../contract/index.ts";
import { follow } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { proposeImages } from "../names.ts";
import { print, printJson } from "../print.ts";

interface Flags {
  readonly security: boolean;
  readonly dryRun: boolean;
  readonly quiet: boolean;
  readonly json: boolean;
}

export default defineCommand<Flags, readonly string[]>({
  parameters: {
    flags: {
      security: { kind: "boolean", brief: "Only what security archives have.", default: false },
      dryRun: { kind: "boolean", brief: "Show what would change, and change nothing.", default: false },
      quiet: { kind: "boolean", brief: "No progress.", default: false },
      json: JSON_FLAG,
    },
    positional: {
      kind: "array",
      parameter: {
        parse: String,
        brief: "Images; all without one.",
        placeholder: "NAME",
        proposeCompletions: proposeImages,
      },
    },
    aliases: { q: "quiet" },
  },
  description:
    "What changes is shown before it is built. What runs goes on as it is; the next start gets the new image. The old one is kept for rollback.",
  examples: ["upgrade", "upgrade radicale --dry-run", "upgrade --security"],
  async run(world, flags, ...names) {
    const { security, dryRun } = flags;
    const question = { names, security, dryRun };
    const upgraded = await follow<UpgradeResponseJson>(world, "StoreService/Upgrade", question, flags.quiet);
    if (!upgraded.ok) return upgraded.problem.exit;
    const { images = [] } = upgraded.value.done ?? {};
    if (flags.json) printJson(world, images);
    else {
      for (const { recipe = "", packages = [], done = false } of images) {
        const count = `${packages.length} ${packages.length === 1 ? "package" : "packages"}`;
        if (done) print(world, `${recipe} is upgraded: ${count} changed; skerry rollback ${recipe} goes back`);
        else if (packages.length > 0) print(world, `${recipe}: ${count} would change`);
        else print(world, `${recipe} is up to date`);
      }
    }
    return EXIT.done;
  },
});
