/** `screenshot`: a picture of what an app shows on its virtual screen, into a file. */
import { resolve } from "node:path";
import type { TakePictureResponseJson } from "../../contract/index.ts";
import { keepPicture } from "../../host/keep-picture.ts";
import { ask } from "../ask-agent.ts";
import { defineCommand, type NoFlags } from "../command.ts";
import { EXIT } from "../exit.ts";
import { proposeRunning } from "../names.ts";
import { complain, print } from "../print.ts";

export default defineCommand<NoFlags, [string, string]>({
  parameters: {
    positional: {
      kind: "tuple",
      parameters: [
        { parse: String, brief: "Instance that runs.", placeholder: "NAME", proposeCompletions: proposeRunning },
        { parse: String, brief: "File that is made; PNG.", placeholder: "FILE" },
      ],
    },
  },
  description: [
    "Only of a virtual screen, which an app has whose display is answered with fake. Nobody takes pictures of your own.",
  ].join("\n"),
  examples: ["screenshot foot foot.png"],
  async run(world, _flags, name, to) {
    const answer = await ask<TakePictureResponseJson>(world, "ScreenService/TakePicture", { name });
    if (!answer.ok) return answer.problem.exit;
    const file = resolve(to);
    const problem = await keepPicture(answer.value.argv ?? [], file, world.signal);
    if (problem === undefined) {
      print(world, file);
      return EXIT.done;
    }
    complain(world, problem.text);
    return EXIT.refused;
  },
});
