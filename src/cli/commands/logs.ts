/** `logs`: what a background app has said. Shown escaped: it comes from the app. */
import type { ListCompartmentsResponseJson } from "../../contract/index.ts";
import { followText, readLog } from "../../host/log-file.ts";
import { ask } from "../ask-agent.ts";
import { defineCommand } from "../command.ts";
import { EXIT } from "../exit.ts";
import { INSTANCE_NAME } from "../names.ts";
import { complain, print } from "../print.ts";

export default defineCommand<{ readonly follow: boolean; readonly lines?: number }, [string]>({
  parameters: {
    flags: {
      follow: { kind: "boolean", brief: "Go on as it says more, until it ends or Ctrl-C.", default: false },
      lines: {
        kind: "parsed",
        parse: countOf,
        brief: "Only so many of the last lines.",
        placeholder: "COUNT",
        optional: true,
      },
    },
    aliases: { f: "follow", n: "lines" },
    positional: INSTANCE_NAME,
  },
  examples: ["logs radicale", "logs -f radicale"],
  async run(world, flags, name) {
    const file = `${world.places.state}/logs/${name}.log`;
    const text = /^[a-z][a-z0-9-]*$/.test(name) ? await readLog(file) : undefined;
    if (text === undefined) {
      complain(world, `${name} has no log; only what skerry start has started keeps one`);
      return EXIT.refused;
    }
    const lines = text.split("\n");
    if (lines.at(-1) === "") lines.pop();
    const first = flags.lines === undefined ? 0 : Math.max(0, lines.length - flags.lines);
    for (const line of lines.slice(first)) print(world, line);
    if (!flags.follow) return EXIT.done;
    const runs = async () => {
      const answer = await ask<ListCompartmentsResponseJson>(world, "ListCompartments", {});
      return answer.ok && (answer.value.compartments ?? []).some((entry) => entry.name === name);
    };
    await followText(file, (line) => print(world, line), runs, world.signal);
    return world.signal.aborted ? EXIT.interrupted : EXIT.done;
  },
});

function countOf(word: string): number {
  if (!/^\d{1,9}$/.test(word)) throw new Error("a whole number is needed");
  return Number(word);
}
