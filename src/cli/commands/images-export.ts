/** `images export`: an image as an OCI image layout. */
import { resolve } from "node:path";
import type { ExportImageResponseJson } from "../../contract/index.ts";
import { follow } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { proposeImages } from "../names.ts";
import { formatBytes, print, printJson } from "../print.ts";

export default defineCommand<{ readonly quiet: boolean; readonly json: boolean }, [string, string]>({
  parameters: {
    flags: { quiet: { kind: "boolean", brief: "No progress.", default: false }, json: JSON_FLAG },
    positional: {
      kind: "tuple",
      parameters: [
        { parse: String, brief: "Image.", placeholder: "NAME", proposeCompletions: proposeImages },
        { parse: String, brief: "A new folder, or a new file that ends in .tar.", placeholder: "TARGET" },
      ],
    },
    aliases: { q: "quiet" },
  },
  description:
    "The same image gives the same layout, byte for byte. The layers' digests are those of the lock; skopeo and umoci read it.",
  examples: ["images export radicale ./radicale-oci", "images export radicale radicale.tar"],
  async run(world, flags, name, to) {
    const target = resolve(to);
    const question = { name, target };
    const exported = await follow<ExportImageResponseJson>(world, "StoreService/ExportImage", question, flags.quiet);
    if (!exported.ok) return exported.problem.exit;
    const { recipe = "", manifest = "", layers = 0, bytes = 0 } = exported.value.done ?? {};
    if (flags.json) printJson(world, { recipe, target, manifest, layers, bytes });
    else
      print(world, `wrote ${recipe} to ${target}: ${layers} layers, ${formatBytes(Number(bytes))}\nsha256:${manifest}`);
    return EXIT.done;
  },
});
