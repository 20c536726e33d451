/** `images`: what is built, and what it takes. */
import type { ImageJson, ListImagesResponseJson } from "../../contract/index.ts";
import { ask } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { formatBytes, printJson, printTable, say } from "../print.ts";

export default defineCommand<{ readonly json: boolean }>({
  parameters: { flags: { json: JSON_FLAG } },
  description: "A stale image is built anew at the next start. SHARED is what other images use too.",
  examples: ["images"],
  async run(world, { json }) {
    const answer = await ask<ListImagesResponseJson>(world, "ListImages", {});
    if (!answer.ok) return answer.problem.exit;
    const { images = [] } = answer.value;
    if (json) printJson(world, images);
    else {
      printTable(
        world,
        images,
        [
          { title: "RECIPE", cell: ({ recipe = "" }) => recipe },
          { title: "BASE", cell: ({ base = "" }) => base },
          { title: "PACKAGES", cell: ({ packages = 0 }) => String(packages), right: true },
          { title: "OWN", cell: ({ ownBytes = 0 }) => formatBytes(Number(ownBytes)), right: true },
          { title: "SHARED", cell: ({ sharedBytes = 0 }) => formatBytes(Number(sharedBytes)), right: true },
          { title: "BUILT", cell: ({ built = "" }) => built },
          { title: "STATE", cell: stateOf },
        ],
        "no image is built yet; run and build make them",
      );
      for (const { aging = "" } of images) if (aging !== "") say(world, aging);
    }
    return EXIT.done;
  },
});

/** What of it is not as it should be; most have nothing. */
function stateOf({ baseState = "", stale = [] }: ImageJson): string {
  const aging = baseState === "supported" || baseState === "imported" ? [] : [`base ${baseState}`];
  return [...aging, ...stale.map((because) => `stale: ${because}`)].join("; ") || "current";
}
