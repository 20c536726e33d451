/** `vm snapshot`: a machine that others go on from. */
import type { MakeSnapshotResponseJson } from "../../contract/index.ts";
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
    "The machine is written down after its boot, before it is given anything of a start: no app, no folder, no secret.",
    "A start with --clone goes on from there, with a clock, random numbers and a name of its own. Where the image, the",
    "kernel, QEMU or the number of folders have changed since, it boots, and says so.",
  ].join("\n"),
  examples: ["vm snapshot dev-shell", "run --clone dev-shell"],
  async run(world, { quiet, json }, name) {
    const made = await follow<MakeSnapshotResponseJson>(world, "SnapshotService/MakeSnapshot", { name }, quiet);
    if (!made.ok) return made.problem.exit;
    const snapshot = made.value.done ?? {};
    if (json) printJson(world, snapshot);
    else
      print(
        world,
        `${name} has a snapshot of ${formatBytes(Number(snapshot.bytes ?? 0))}; skerry run --clone ${name} goes on from it`,
      );
    return EXIT.done;
  },
});
