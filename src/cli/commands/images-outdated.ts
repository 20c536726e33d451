/** `images outdated`: what the archives have that is newer. */
import type { ListOutdatedResponseJson, PackageChangeJson } from "../../contract/index.ts";
import { follow } from "../ask-agent.ts";
import { defineCommand } from "../command.ts";
import { EXIT } from "../exit.ts";
import { IMAGE_PARAMETERS, type ImageFlags } from "../image-flags.ts";
import { CHANGE_COLUMNS } from "../package-changes.ts";
import { printJson, printTable } from "../print.ts";

export default defineCommand<ImageFlags, readonly string[]>({
  parameters: IMAGE_PARAMETERS,
  description: "Compares versions by name. What an upgrade would really bring is shown by upgrade --dry-run.",
  examples: ["images outdated", "images outdated radicale"],
  async run(world, flags, ...names) {
    const listed = await follow<ListOutdatedResponseJson>(world, "StoreService/ListOutdated", { names }, flags.quiet);
    if (!listed.ok) return listed.problem.exit;
    const { images = [] } = listed.value.done ?? {};
    if (flags.json) printJson(world, images);
    else {
      const rows = images.flatMap(({ recipe = "", packages = [] }) => packages.map((each) => ({ ...each, recipe })));
      const image = { title: "IMAGE", cell: ({ recipe }: PackageChangeJson & { readonly recipe: string }) => recipe };
      printTable(world, rows, [image, ...CHANGE_COLUMNS], "every package is the newest that the archives have");
    }
    return EXIT.done;
  },
});
