/** `vm suspend`: a machine that goes on later. */
import type { SuspendResponseJson } from "../../contract/index.ts";
import { follow } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { INSTANCE_NAME } from "../names.ts";
import { formatBytes, print, printJson } from "../print.ts";
import { QUIET_FLAG } from "../wanted-flags.ts";

export default defineCommand<{ readonly quiet: boolean; readonly json: boolean }, [string]>({
  parameters: {
    flags: { quiet: QUIET_FLAG, json: JSON_FLAG },
    positional: INSTANCE_NAME,
    aliases: { q: "quiet" },
  },
  description: [
    "For a recipe that is a whole system (guest: system). Its memory comes to the disk, in a file that is yours alone. The",
    "next skerry start goes on from there, with the right time and new random numbers; programs that were entered by exec and",
    "connections have ended. It is refused while programs in it hold something of a folder or volume.",
  ].join("\n"),
  examples: ["vm suspend builder", "start builder"],
  async run(world, { quiet, json }, name) {
    const made = await follow<SuspendResponseJson>(world, "SnapshotService/Suspend", { name }, quiet);
    if (!made.ok) return made.problem.exit;
    const machine = made.value.done ?? {};
    if (json) printJson(world, machine);
    else
      print(
        world,
        `${name} is suspended, and takes ${formatBytes(Number(machine.bytes ?? 0))}; skerry start ${name} goes on from there`,
      );
    return EXIT.done;
  },
});
