/** `enable`: an instance runs from boot or log-in on. */
import { basename } from "node:path";
import type { LaunchResponseJson, SetEnabledResponseJson } from "../../contract/index.ts";
import { ask, follow } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { INSTANCE_NAME } from "../names.ts";
import { print, printJson } from "../print.ts";
import { hasSystemd, systemctl } from "../units.ts";

export default defineCommand<{ readonly now: boolean; readonly json: boolean }, [string]>({
  parameters: {
    flags: { now: { kind: "boolean", brief: "Start it at once, too.", default: false }, json: JSON_FLAG },
    positional: INSTANCE_NAME,
  },
  description: [
    "Writes `autostart: true` into its deployment. Where systemd runs, writes a unit as well, which starts it and sees",
    "to its restarts (root: at boot; others: at log-in, or at boot after `loginctl enable-linger`). Without systemd",
    "`skerry autostart` starts it.",
  ].join("\n"),
  examples: ["enable radicale", "enable radicale --now"],
  async run(world, { now, json }, name) {
    const units = await hasSystemd(world);
    const answer = await ask<SetEnabledResponseJson>(world, "SetEnabled", { name, enabled: true, units });
    if (!answer.ok) return answer.problem.exit;
    const { file = "", units: written = [] } = answer.value;
    const [unit = ""] = written;
    if (unit !== "") {
      const done =
        (await systemctl(world, "daemon-reload")) &&
        (await systemctl(world, "enable", ...(now ? ["--now"] : []), basename(unit)));
      if (!done) return EXIT.unavailable;
    }
    if (json) printJson(world, { name, file, unit });
    else if (unit !== "") print(world, `${name} is started by systemd ${when(world.user.uid)}: ${unit}`);
    else {
      print(world, `${name} says autostart: true (${file}); no systemd runs here, so it is started by`);
      print(
        world,
        `  ${world.places.program}/skerry autostart\nwhich cron can run at boot: a line with @reboot in crontab -e`,
      );
    }
    if (unit !== "" || !now) return EXIT.done;
    const started = await follow<LaunchResponseJson>(world, "Launch", { wanted: { name }, background: true }, json);
    return started.ok ? EXIT.done : started.problem.exit;
  },
});

function when(uid: number): string {
  return uid === 0 ? "at boot" : "at log-in (at boot after loginctl enable-linger)";
}
