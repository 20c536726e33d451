/** `tighten`: grants that were not used and could be taken out. */
import type { TightenResponseJson } from "../../contract/index.ts";
import { ask } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { INSTANCE_NAME } from "../names.ts";
import { complain, printJson, printTable, say } from "../print.ts";
import { parseSince } from "../since.ts";

export default defineCommand<{ readonly unusedFor: string; readonly json: boolean }, [string]>({
  parameters: {
    flags: {
      unusedFor: {
        kind: "parsed",
        parse: String,
        brief: "How long a rule must not have been used (12h, 30d, 8w).",
        placeholder: "TIME",
        default: "30d",
      },
      json: JSON_FLAG,
    },
    positional: INSTANCE_NAME,
  },
  description:
    "It proposes and changes nothing. Rules of a network are judged by the audit. Who reads a folder is not recorded, and so a folder is never called unused.",
  examples: ["tighten radicale", "tighten radicale --unused-for 8w"],
  async run(world, { unusedFor, json }, name) {
    const since = parseSince(unusedFor, new Date());
    if (since === undefined) {
      complain(world, `--unused-for ${unusedFor}: expected a time such as 12h, 30d or 8w`);
      return EXIT.usage;
    }
    const question = { name, since: since.toISOString() };
    const answer = await ask<TightenResponseJson>(world, "GrantService/Tighten", question);
    if (!answer.ok) return answer.problem.exit;
    const { unneeded = [], notes = [], file = "" } = answer.value;
    if (json) {
      printJson(world, answer.value);
      return EXIT.done;
    }
    printTable(
      world,
      unneeded,
      [
        { title: "LINE", cell: ({ line = 0 }) => `${file}:${line}` },
        { title: "REQUEST", cell: ({ request = "" }) => request },
        { title: "RULE", cell: ({ rule = "" }) => (rule === "" ? "all of it" : rule) },
        { title: "WHY", cell: ({ because = "" }) => WHY[because] ?? because },
      ],
      "nothing is known that could be taken out",
    );
    for (const note of notes) say(world, note);
    return EXIT.done;
  },
});

const WHY: Readonly<Record<string, string>> = {
  "not-used": "not used",
  "not-asked-for": "its recipe does not ask for it any more",
};
