/** `bind`: what a request or a link gets from another provider, its answer as it was. */
import { resolve } from "node:path";
import type { BindResponseJson } from "../../contract/index.ts";
import { ask } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { proposeDeployments } from "../names.ts";
import { print, printJson, warn } from "../print.ts";

export default defineCommand<{ readonly json: boolean }, [string, string, string]>({
  parameters: {
    flags: { json: JSON_FLAG },
    positional: {
      kind: "tuple",
      parameters: [
        { parse: String, brief: "Name of the instance.", placeholder: "NAME", proposeCompletions: proposeDeployments },
        { parse: String, brief: "A request, or the name of a link inside.", placeholder: "REQUEST" },
        { parse: String, brief: "A folder, or the name of an instance.", placeholder: "PROVIDER" },
      ],
    },
  },
  description: [
    "Changes who provides something, and leaves the answer and its options as they are; comments stay. A running app gets it",
    "at once, as far as that can be.",
    "For a folder request the provider is a folder of yours. For a link it is another instance: the app knows it by the same",
    "name as before, and open connections to the old one are cut.",
  ].join("\n"),
  examples: ["bind notes docs ~/Documents/other", "bind web db.internal postgresql-2"],
  async run(world, { json }, name, request, word) {
    const provider = /^\.{1,2}(\/|$)/.test(word) ? resolve(word) : word;
    const answer = await ask<BindResponseJson>(world, "GrantService/Bind", { name, request, provider });
    if (!answer.ok) return answer.problem.exit;
    const { file = "", changed = [], live = [] } = answer.value;
    if (json) {
      printJson(world, { name, file, request, provider, changed, live });
      return EXIT.done;
    }
    print(world, `${name} ${request}: ${changed[0]?.gets ?? provider}`);
    for (const warning of changed.flatMap(({ warnings = [] }) => warnings)) warn(world, warning);
    for (const line of live) print(world, line);
    return EXIT.done;
  },
});
