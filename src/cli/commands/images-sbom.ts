/** `images sbom`: what an image is made of. */
import type { SbomResponseJson } from "../../contract/index.ts";
import { ask } from "../ask-agent.ts";
import { defineCommand, type NoFlags } from "../command.ts";
import { EXIT } from "../exit.ts";
import { proposeImages } from "../names.ts";
import { printJson } from "../print.ts";

export default defineCommand<NoFlags, [string]>({
  parameters: {
    positional: {
      kind: "tuple",
      parameters: [{ parse: String, brief: "Image.", placeholder: "NAME", proposeCompletions: proposeImages }],
    },
  },
  description: "SPDX 2.3 in JSON: every package with version, supplier, address, checksum and package URL.",
  examples: ["images sbom radicale"],
  async run(world, _, name) {
    const answer = await ask<SbomResponseJson>(world, "StoreService/Sbom", { name });
    if (!answer.ok) return answer.problem.exit;
    printJson(world, JSON.parse(answer.value.text ?? "{}"));
    return EXIT.done;
  },
});
