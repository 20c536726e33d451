/** `agent`: the agent in the foreground, for systemd. Nobody needs it by hand: commands start the agent themselves. */
import { setTimeout as pause } from "node:timers/promises";
import { become } from "../../host/become.ts";
import { agentOf, failed } from "../ask-agent.ts";
import { defineCommand } from "../command.ts";
import { EXIT } from "../exit.ts";

const LOOK_EVERY_MS = 50;

export default defineCommand<{ readonly wait: boolean }>({
  parameters: {
    flags: { wait: { kind: "boolean", brief: "Start none; wait until one answers.", default: false } },
  },
  description: [
    "For a unit of systemd (see `skerry enable`): such an agent stays, also when it has nothing to do. Where another",
    "agent runs it waits for its end. Commands need none of this: the first one starts an agent in the background.",
  ].join("\n"),
  examples: ["agent", "agent --wait"],
  async run(world, { wait }) {
    const agent = agentOf(world);
    if (wait) {
      while (!(await agent.answers())) {
        if (world.signal.aborted) return EXIT.interrupted;
        await pause(LOOK_EVERY_MS);
      }
      return EXIT.done;
    }
    const command = agent.foreground();
    return command.ok ? become(command.value.argv, command.value.environment) : failed(world, command.problem).exit;
  },
});
