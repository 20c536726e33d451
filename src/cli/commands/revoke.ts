/** `revoke`: denies requests of an instance, in its file. */
import type { ChangeAnswersResponseJson } from "../../contract/index.ts";
import { ask } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { proposeDeployments } from "../names.ts";
import { showAnswers } from "../show-answers.ts";

export default defineCommand<{ readonly json: boolean }, string[]>({
  parameters: {
    flags: { json: JSON_FLAG },
    positional: {
      kind: "array",
      minimum: 2,
      parameter: {
        parse: String,
        brief: "Name of the instance, and then requests.",
        placeholder: "NAME REQUEST",
        proposeCompletions: proposeDeployments,
      },
    },
  },
  description: "Answers deny, in the deployment; its comments stay. What was granted with it is not kept there.",
  examples: ["revoke ripgrep folder"],
  async run(world, { json }, name = "", ...requests) {
    const changes = requests.map((request) => ({ request, answer: "deny" }));
    const answer = await ask<ChangeAnswersResponseJson>(world, "GrantService/ChangeAnswers", { name, changes });
    if (!answer.ok) return answer.problem.exit;
    showAnswers(world, name, answer.value, json);
    return EXIT.done;
  },
});
