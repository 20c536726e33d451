/** `undeploy`: takes an instance away; its data stays unless a second word says otherwise. */
import type { UndeployResponseJson } from "../../contract/index.ts";
import { ask } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { INSTANCE_NAME } from "../names.ts";
import { print, printJson } from "../print.ts";
import { letGo } from "../units.ts";

export default defineCommand<{ readonly withData: boolean; readonly json: boolean }, [string]>({
  parameters: {
    flags: {
      withData: { kind: "boolean", brief: "Its volumes, copies and logs too, for ever.", default: false },
      json: JSON_FLAG,
    },
    positional: INSTANCE_NAME,
  },
  examples: ["undeploy radicale", "undeploy radicale-family --with-data"],
  async run(world, { withData, json }, name) {
    const reload = await letGo(world, name);
    const answer = await ask<UndeployResponseJson>(world, "Undeploy", { name, withData });
    if (!answer.ok) return answer.problem.exit;
    await reload();
    const { kept = [] } = answer.value;
    if (json) printJson(world, { name, kept });
    else print(world, [`${name} is no longer deployed`, ...kept.map((folder) => `kept ${folder}`)].join("\n"));
    return EXIT.done;
  },
});
