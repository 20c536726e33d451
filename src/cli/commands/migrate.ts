/** `migrate`: an image on another base, since the old one ages. */
import type { MigrateResponseJson } from "../../contract/index.ts";
import { follow } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { proposeBases, proposeStartable } from "../names.ts";
import { print, printJson } from "../print.ts";

interface Flags {
  readonly to: string;
  readonly dryRun: boolean;
  readonly quiet: boolean;
  readonly json: boolean;
}

export default defineCommand<Flags, [string]>({
  parameters: {
    flags: {
      to: {
        kind: "parsed",
        parse: String,
        brief: "Base; without it the one that the present base names as its successor.",
        placeholder: "BASE",
        proposeCompletions: proposeBases,
        default: "",
      },
      dryRun: { kind: "boolean", brief: "Show what would change, and change nothing.", default: false },
      quiet: { kind: "boolean", brief: "No progress.", default: false },
      json: JSON_FLAG,
    },
    positional: {
      kind: "tuple",
      parameters: [
        { parse: String, brief: "Instance or recipe.", placeholder: "NAME", proposeCompletions: proposeStartable },
      ],
    },
    aliases: { q: "quiet" },
  },
  description:
    "What changes is shown before it is built. Deployments, grants, volumes and copies stay as they are, and so does the recipe. What runs goes on; the next start gets the new image. The old one is kept for rollback.",
  examples: ["migrate radicale --to debian-13 --dry-run", "migrate radicale --to debian-13"],
  async run(world, { to, dryRun, quiet, json }, name) {
    const moved = await follow<MigrateResponseJson>(world, "StoreService/Migrate", { name, to, dryRun }, quiet);
    if (!moved.ok) return moved.problem.exit;
    const { recipe = "", from = "", to: base = "", packages = [], done = false } = moved.value.done ?? {};
    if (json) printJson(world, { recipe, from, to: base, packages, done });
    else {
      const count = `${packages.length} ${packages.length === 1 ? "package" : "packages"}`;
      if (done)
        print(world, `${recipe} is on ${base}: ${count} changed; skerry rollback ${recipe} goes back to ${from}`);
      else if (dryRun && packages.length > 0)
        print(world, `${recipe} would move from ${from} to ${base}: ${count} would change`);
      else print(world, `${recipe} is on ${base} already`);
    }
    return EXIT.done;
  },
});
