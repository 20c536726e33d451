/** `purge`: images that are not needed, and what of the store only they need. */
import type { PurgeResponseJson } from "../../contract/index.ts";
import { parseAge, parseSize } from "../amounts.ts";
import { follow } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { proposeImages } from "../names.ts";
import { complain, formatBytes, print, printJson } from "../print.ts";

interface Flags {
  readonly unused: boolean;
  readonly olderThan?: number;
  readonly budget?: number;
  readonly withPackages: boolean;
  readonly dryRun: boolean;
  readonly quiet: boolean;
  readonly json: boolean;
}

export default defineCommand<Flags, readonly string[]>({
  parameters: {
    flags: {
      unused: { kind: "boolean", brief: "Images that no deployment names.", default: false },
      olderThan: {
        kind: "parsed",
        parse: parseAge,
        brief: "Images that were built before: 30d, 8w.",
        placeholder: "AGE",
        optional: true,
      },
      budget: {
        kind: "parsed",
        parse: parseSize,
        brief: "The oldest images, until the rest takes no more: 2GB.",
        placeholder: "SIZE",
        optional: true,
      },
      withPackages: {
        kind: "boolean",
        brief: "Package files too: what goes then needs a network to come back.",
        default: false,
      },
      dryRun: { kind: "boolean", brief: "Show what would go, and remove nothing.", default: false },
      quiet: { kind: "boolean", brief: "No progress.", default: false },
      json: JSON_FLAG,
    },
    positional: {
      kind: "array",
      parameter: { parse: String, brief: "Images.", placeholder: "NAME", proposeCompletions: proposeImages },
    },
    aliases: { q: "quiet" },
  },
  description:
    "Data is never touched, and nothing goes that runs. Locks stay: skerry build makes the same image again, to the last byte.",
  examples: ["purge radicale", "purge --unused --dry-run", "purge --older-than=30d", "purge --budget=2GB"],
  async run(world, flags, ...names) {
    const { unused, olderThan, budget, withPackages, dryRun } = flags;
    const chosen = unused || olderThan !== undefined || budget !== undefined;
    if (chosen === names.length > 0) {
      complain(world, "name images, or say which by --unused, --older-than or --budget");
      return EXIT.usage;
    }
    const before = olderThan === undefined ? "" : new Date(Date.now() - olderThan).toISOString();
    const limit = budget === undefined ? {} : { budgetBytes: budget };
    const question = { names, unused, before, ...limit, withPackages, dryRun };
    const purged = await follow<PurgeResponseJson>(world, "StoreService/Purge", question, flags.quiet);
    if (!purged.ok) return purged.problem.exit;
    const { images = [], previous = [], layers = 0, packages = 0, bytes = 0 } = purged.value.done ?? {};
    if (flags.json) printJson(world, { images, previous, layers, packages, bytes });
    else {
      for (const name of images) print(world, `image ${name}`);
      for (const name of previous) print(world, `what ${name} could be rolled back to`);
      const what = `${layers} layers${packages > 0 ? ` and ${packages} package files` : ""}`;
      print(world, `${dryRun ? "would free" : "freed"} ${formatBytes(Number(bytes))} in ${what}`);
    }
    return EXIT.done;
  },
});
