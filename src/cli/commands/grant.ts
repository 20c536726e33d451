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
    "/udp where wanted; then options: +tls=same-name, +private, +quota=100MB/day, +rate=1MB/s, +ask, +deny.",
    "REQUEST+=RULE,RULE adds rules to those of a subset or ask; one that is there already gets these options.",
    "A display: deny, fake (a virtual screen of its own), subset (its own windows on yours) or real (yours as it is).",
    "A variable: deny, empty, real or fake:VALUE.",
  ].join("\n"),
  examples: [
    "grant agent-shell internet=subset:example.org:443,*.example.net",
    "grant agent-shell internet+=bank.example:443+tls=same-name+quota=100MB/day",
    "grant ripgrep folder=real:~/notes",
    "grant ripgrep folder=deny",
  ],
  async run(world, { json }, name = "", ...words) {
    const changes = words.map((word) => {
      const [request = "", answer = ""] = word.split(/=(.*)/s, 2);
      return request.endsWith("+")
        ? { request: request.slice(0, -1), answer, add: true }
        : { request, answer, add: false };
    });
    const odd = words.find((word) => !/^[^+=]+\+?=/.test(word));
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
