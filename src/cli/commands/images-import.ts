/** `images import`: an image that others made, from an OCI image layout. */
import { resolve } from "node:path";
import type { ImportImageResponseJson } from "../../contract/index.ts";
import { follow } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { formatBytes, print, printJson } from "../print.ts";

interface Flags {
  readonly as: string;
  readonly tag?: string;
  readonly quiet: boolean;
  readonly json: boolean;
}

export default defineCommand<Flags, [string]>({
  parameters: {
    flags: {
      as: { kind: "parsed", parse: String, brief: "What it is called here.", placeholder: "NAME" },
      tag: {
        kind: "parsed",
        parse: String,
        brief: "Which image, where the layout has several.",
        placeholder: "TAG",
        optional: true,
      },
      quiet: { kind: "boolean", brief: "No progress.", default: false },
      json: JSON_FLAG,
    },
    positional: {
      kind: "tuple",
      parameters: [{ parse: String, brief: "An OCI image layout: a folder or a tar archive.", placeholder: "SOURCE" }],
    },
    aliases: { q: "quiet" },
  },
  description:
    "Every digest is checked, and nothing of the image runs. It gets a recipe of your own and no right at all; set-id bits and file capabilities are taken off.",
  examples: ["images import ./debian-oci --as plain-debian", "images import app.tar --as app --tag=1.2"],
  async run(world, { as, tag = "", quiet, json }, from) {
    const question = { source: resolve(from), name: as, tag };
    const imported = await follow<ImportImageResponseJson>(world, "StoreService/ImportImage", question, quiet);
    if (!imported.ok) return imported.problem.exit;
    const { recipe = "", manifest = "", layers = 0, bytes = 0, file = "" } = imported.value.done ?? {};
    if (json) printJson(world, { recipe, manifest, layers, bytes, file });
    else {
      print(world, `imported ${recipe}: ${layers} layers, ${formatBytes(Number(bytes))}\nsha256:${manifest}`);
      if (file !== "") print(world, `wrote ${file}`);
      print(world, `start it sealed: skerry run ${recipe}`);
    }
    return EXIT.done;
  },
});
