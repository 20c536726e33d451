/** `grant`: answers requests of an instance, in its file, which keeps its comments. */
import type { ChangeAnswersResponseJson } from "../../contract/index.ts";
import { ask } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { proposeDeployments } from "../names.ts";
import { complain } from "../print.ts";
import { showAnswers } from "../show-answers.ts";

export default defineCommand<{ readonly json: boolean }, string[]>({
  parameters: {
    flags: { json: JSON_FLAG },
    positional: {
      kind: "array",
      minimum: 2,
      parameter: {
        parse: String,
        brief: "Name of the instance, and then each request with its answer.",
        placeholder: "NAME REQUEST=ANSWER",
        proposeCompletions: proposeDeployments,
      },
    },
  },
  description: [
    "Writes answers into the deployment; its comments stay. All of them are written, or none.",
    "A folder: deny, empty, real:FOLDER, copy:FOLDER, subset:FOLDER or subset:FOLDER:FILE,FILE; a FILE may be a pattern: *.pdf.",
    "A network: deny, empty, real, real:host,lan, ask, ask:RULE,RULE or subset:RULE,RULE. A rule is a name (example.org),",
    "all names below one (*.example.org), an address or range (192.0.2.0/24, [2001:db8::1]), host or lan; then :PORT and",
    "/udp where wanted.",
    "A variable: deny, empty, real or fake:VALUE.",
    "Other options (quotas, rates, same-name) are written by hand: skerry edit NAME.",
  ].join("\n"),
  examples: [
    "grant agent-shell internet=subset:example.org:443,*.example.net",
    "grant ripgrep folder=real:~/notes",
    "grant ripgrep folder=deny",
  ],
  async run(world, { json }, name = "", ...words) {
    const changes = words.map((word) => {
      const equals = word.indexOf("=");
      return { request: word.slice(0, Math.max(0, equals)), answer: word.slice(equals + 1) };
    });
    const odd = words.find((word) => word.indexOf("=") <= 0);
    if (odd !== undefined) {
      complain(world, `${odd}: expected REQUEST=ANSWER, such as folder=deny`);
      return EXIT.usage;
    }
    const answer = await ask<ChangeAnswersResponseJson>(world, "GrantService/ChangeAnswers", { name, changes });
    if (!answer.ok) return answer.problem.exit;
    showAnswers(world, name, answer.value, json);
    return EXIT.done;
  },
});
