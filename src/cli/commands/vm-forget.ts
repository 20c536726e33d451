/** `vm forget`. */
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
  description: "What runs from it runs on.",
  examples: ["vm forget dev-shell"],
  async run(world, { json }, name) {
    const answer = await ask(world, "SnapshotService/RemoveSnapshot", { name });
    if (!answer.ok) return answer.problem.exit;
    if (json) printJson(world, { name });
    else print(world, `the snapshot of ${name} is gone; it boots from now on`);
    return EXIT.done;
  },
});
