/** `apply`: brings into force what stands in a deployment's file, after an edit by hand. */
import type { ApplyResponseJson } from "../../contract/index.ts";
import { ask } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { INSTANCE_NAME } from "../names.ts";
import { print, printJson } from "../print.ts";

export default defineCommand<{ readonly json: boolean }, [string]>({
  parameters: {
    flags: { json: JSON_FLAG },
    positional: INSTANCE_NAME,
  },
  description:
    "Reads the deployment as it stands, and does what grant, revoke and edit do after they have written it. A start reads it anyway.",
  examples: ["apply ripgrep"],
  async run(world, { json }, name) {
    const answer = await ask<ApplyResponseJson>(world, "GrantService/Apply", { name });
    if (!answer.ok) return answer.problem.exit;
    const { file = "", live = [] } = answer.value;
    if (json) printJson(world, { name, file, live });
    else
      for (const line of live.length === 0 ? [`${file} holds from the next start of ${name} on`] : live)
        print(world, line);
    return EXIT.done;
  },
});
