/** `autostart`: starts all that is to run from boot or log-in on. */
import type { AutostartResponseJson } from "../../contract/index.ts";
import { follow } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { complain, print, printJson } from "../print.ts";
import { startedBySystemd } from "../units.ts";
import { QUIET_FLAG } from "../wanted-flags.ts";

export default defineCommand<{ readonly quiet: boolean; readonly json: boolean }>({
  parameters: { flags: { quiet: QUIET_FLAG, json: JSON_FLAG }, aliases: { q: "quiet" } },
  description: [
    "Starts every instance whose deployment says `autostart: true`, each behind those that it links to, and waits",
    "until they are ready. Asked again it changes nothing: what was stopped or has ended stays so until the next",
    "reboot. For hosts without systemd: let cron run it (@reboot). What has a unit of systemd (`skerry enable`) is",
    "left to that.",
  ].join("\n"),
  examples: ["autostart", "autostart --quiet"],
  async run(world, { quiet, json }) {
    const except = await startedBySystemd(world);
    const answer = await follow<AutostartResponseJson>(world, "Autostart", { except }, quiet || json);
    if (!answer.ok) return answer.problem.exit;
    const instances = answer.value.done?.instances ?? [];
    const failures = instances.filter(({ outcome }) => outcome === "failed");
    if (json) printJson(world, instances);
    else if (!quiet && instances.length === 0) print(world, "nothing says autostart: true");
    for (const { name = "", outcome = "", text = "" } of json ? [] : instances) {
      if (outcome === "failed") complain(world, text);
      else if (!quiet) print(world, `${name}: ${WORDS[outcome] ?? outcome}`);
    }
    return failures.length === 0 ? EXIT.done : EXIT.refused;
  },
});

const WORDS: Readonly<Record<string, string>> = {
  started: "started",
  runs: "runs",
  "stays-down": "stays as it is; it was stopped, or has ended by itself",
  waiting: "waits for its next start",
  "given-up": "was given up; skerry start tries it again",
};
