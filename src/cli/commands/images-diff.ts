/** `images diff`: in which packages and files two images differ. */
import type { DiffImagesResponseJson } from "../../contract/index.ts";
import { ask } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { proposeImages } from "../names.ts";
import { CHANGE_COLUMNS } from "../package-changes.ts";
import { print, printJson, printTable } from "../print.ts";

const SIGNS: Readonly<Record<string, string>> = { missing: "-", extra: "+", changed: "~" };

export default defineCommand<{ readonly json: boolean }, [string, string]>({
  parameters: {
    flags: { json: JSON_FLAG },
    positional: {
      kind: "tuple",
      parameters: [
        { parse: String, brief: "An image.", placeholder: "A", proposeCompletions: proposeImages },
        { parse: String, brief: "Another one.", placeholder: "B", proposeCompletions: proposeImages },
      ],
    },
  },
  description: "NAME@previous is what the last upgrade of NAME replaced.",
  examples: ["images diff radicale@previous radicale", "images diff ripgrep dev-shell --json"],
  async run(world, { json }, left, right) {
    const answer = await ask<DiffImagesResponseJson>(world, "StoreService/DiffImages", { left, right });
    if (!answer.ok) return answer.problem.exit;
    const { packages = [], files = [], more = 0 } = answer.value;
    if (json) printJson(world, { packages, files, more });
    else {
      printTable(world, packages, CHANGE_COLUMNS, "both have the same packages");
      for (const { kind = "", path = "", what = [] } of files)
        print(world, `${SIGNS[kind] ?? "?"} /${path}${what.length > 0 ? ` (${what.join(", ")})` : ""}`);
      if (more > 0) print(world, `and ${more} more files`);
    }
    return EXIT.done;
  },
});
