/** `audit`: what was done and refused. */
import { type AuditRecord, followAudit, kindsIn, readAudit } from "../../audit/index.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { proposeDeployments } from "../names.ts";
import { complain, print, say } from "../print.ts";
import { parseSince } from "../since.ts";

interface Flags {
  readonly net: boolean;
  readonly grants: boolean;
  readonly life: boolean;
  readonly since?: string;
  readonly follow: boolean;
  readonly json: boolean;
}

export default defineCommand<Flags, [string?]>({
  parameters: {
    flags: {
      net: { kind: "boolean", brief: "What was reached or refused over a network.", default: false },
      grants: {
        kind: "boolean",
        brief: "Who may do what, what each start was granted, what was refused.",
        default: false,
      },
      life: { kind: "boolean", brief: "What ran, and how it ended.", default: false },
      since: {
        kind: "parsed",
        parse: String,
        brief: "Only from this time on (2h, 7d, 2026-11-20 or 2026-11-20T12:00Z).",
        placeholder: "TIME",
        optional: true,
      },
      follow: { kind: "boolean", brief: "Go on as records are added, until Ctrl-C.", default: false },
      json: { ...JSON_FLAG, brief: "Print the records as they are kept, one a line." },
    },
    aliases: { f: "follow" },
    positional: {
      kind: "tuple",
      parameters: [
        {
          parse: String,
          brief: "Name of an instance; all without it.",
          placeholder: "NAME",
          proposeCompletions: proposeDeployments,
          optional: true,
        },
      ],
    },
  },
  examples: ["audit", "audit radicale --grants --since 2h", "audit --since 2026-11-20 --json"],
  async run(world, flags, instance) {
    const since = flags.since === undefined ? undefined : parseSince(flags.since, new Date());
    if (flags.since !== undefined && since === undefined) {
      complain(world, `--since ${flags.since}: expected a time such as 2h, 7d, 2026-11-20 or 2026-11-20T12:00Z`);
      return EXIT.usage;
    }
    const folder = `${world.places.state}/audit`;
    const kinds = kindsIn((["net", "grants", "life"] as const).filter((group) => flags[group]));
    const filter = {
      kinds,
      ...(instance === undefined ? {} : { instance }),
      ...(since === undefined ? {} : { since }),
    };
    const show = (record: AuditRecord) => {
      if (flags.json) world.process.stdout.write(`${JSON.stringify(record)}\n`);
      else print(world, lineOf(record));
    };
    let count = 0;
    for (const record of readAudit(folder, filter)) {
      count += 1;
      show(record);
    }
    if (flags.follow) for await (const record of followAudit(folder, filter, world.signal)) show(record);
    else if (count === 0) say(world, "no records");
    return EXIT.done;
  },
});

/** Time, kind, instance, and then the facts of that kind. */
export function lineOf({ time, kind, instance, facts }: AuditRecord): string {
  const said = Object.entries(facts)
    .filter(([name]) => name !== "instance")
    .map(([name, value]) => `${name}=${Array.isArray(value) ? `[${value.map(word).join(" ")}]` : word(String(value))}`);
  return [time, kind, instance ?? "-", ...said].join("  ");
}

/** Words with blanks in them are quoted, so that one fact cannot look like two. */
function word(text: string): string {
  return /^[^\s"[\]=]+$/.test(text) ? text : JSON.stringify(text);
}
