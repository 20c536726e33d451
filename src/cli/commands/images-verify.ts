/** `images verify`: whether every file of an image is still what was built. */
import type { FileDifferenceJson, VerifiedLayerJson, VerifyImagesResponseJson } from "../../contract/index.ts";
import { follow } from "../ask-agent.ts";
import { defineCommand } from "../command.ts";
import { EXIT } from "../exit.ts";
import { IMAGE_PARAMETERS, type ImageFlags } from "../image-flags.ts";
import { formatBytes, print, printJson } from "../print.ts";

export default defineCommand<ImageFlags, readonly string[]>({
  parameters: IMAGE_PARAMETERS,
  description: "Ends with 1 where a file was changed, is missing, or should not be there.",
  examples: ["images verify", "images verify radicale --json"],
  async run(world, flags, ...names) {
    const verified = await follow<VerifyImagesResponseJson>(world, "StoreService/VerifyImages", { names }, flags.quiet);
    if (!verified.ok) return verified.problem.exit;
    const { images = [] } = verified.value.done ?? {};
    if (flags.json) printJson(world, images);
    else {
      for (const { recipe = "", whole = false, bytes = 0, layers = [] } of images) {
        print(
          world,
          `${recipe}: ${whole ? `whole (${layers.length} layers, ${formatBytes(Number(bytes))})` : "NOT WHOLE"}`,
        );
        for (const line of layers.flatMap(linesOf)) print(world, `  ${line}`);
      }
    }
    return images.every(({ whole }) => whole === true) ? EXIT.done : EXIT.refused;
  },
});

function linesOf(layer: VerifiedLayerJson): readonly string[] {
  const { name = "", key = "", state = "", digest = "", expected = "", differences = [], more = 0 } = layer;
  switch (state) {
    case "whole":
      return [];
    case "absent":
      return [`layer ${key} is not there; skerry build makes it again`];
    case "unlisted":
      return [`layer ${name} was built without a list of files; skerry purge and skerry build make it anew`];
    case "other-than-locked":
      return [`layer ${name} is as it was built, and another than the lock says: ${digest} in place of ${expected}`];
    default:
      return [
        ...differences.map((each) => `${lineOf(each)} (layer ${name})`),
        ...(more > 0 ? [`and ${more} more`] : []),
        ...(layer.listChanged === true ? [`the list of files of layer ${name} was changed`] : []),
        ...(digest === expected ? [] : [`layer ${name} is ${digest} in place of ${expected}`]),
      ];
  }
}

function lineOf({ kind = "", path = "", what = [] }: FileDifferenceJson): string {
  return `${kind.padEnd(7)} /${path}${what.length > 0 ? `: ${what.join(", ")}` : ""}`;
}
