/** `recipe check`: is a recipe right? By name or by file. */
import { basename, resolve } from "node:path";
import { parseRecipe, showComplaint } from "../../descriptor/index.ts";
import { readTextIfThere } from "../../host/files.ts";
import { nearest } from "../../model/index.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { proposeRecipes } from "../names.ts";
import { complain, print, printJson } from "../print.ts";

/** More than any descriptor may have; the parser says so in its own words. */
const LIMIT_BYTES = 1024 * 1024;

export default defineCommand<{ readonly json: boolean }, [string]>({
  parameters: {
    flags: { json: JSON_FLAG },
    positional: {
      kind: "tuple",
      parameters: [
        {
          parse: String,
          brief: "Name of a recipe, or a file.",
          placeholder: "NAME",
          proposeCompletions: proposeRecipes,
        },
      ],
    },
  },
  examples: ["recipe check ripgrep", "recipe check ./mine.yaml"],
  async run(world, { json }, word) {
    const files = /[/.]/.test(word)
      ? [resolve(word)]
      : [`${world.places.config}/recipes/${word}.yaml`, `${world.places.program}/recipes/${word}.yaml`];
    for (const file of files) {
      const text = await readTextIfThere(file, { limitBytes: LIMIT_BYTES, links: "followed" }).catch(
        (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
      );
      if (text === undefined) continue;
      if (text instanceof Error) {
        complain(world, text.message);
        return EXIT.data;
      }
      const recipe = parseRecipe(text, { file, name: basename(file, ".yaml") });
      const complaints = recipe.ok ? [] : recipe.problem.complaints;
      if (json) printJson(world, { file, complaints });
      else if (recipe.ok) print(world, `${file} is right`);
      else print(world, complaints.map((complaint) => showComplaint(complaint, text)).join("\n"));
      return recipe.ok ? EXIT.done : EXIT.data;
    }
    const meant = nearest(word, await proposeRecipes.call(world, ""));
    complain(
      world,
      `there is no recipe "${word}"${meant === undefined ? "" : `. Did you mean "${meant}"?`}\n  looked for ${files.join(" and ")}`,
    );
    return EXIT.refused;
  },
});
