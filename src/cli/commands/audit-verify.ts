/** `audit verify`: is the chain whole? Against an exported head also: was its end cut off? */
import { readFile } from "node:fs/promises";
import { type AuditVerified, describeBroken, parseHead, verifyAudit } from "../../audit/index.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { complain, print, printJson } from "../print.ts";

export default defineCommand<{ readonly head?: string; readonly json: boolean }>({
  parameters: {
    flags: {
      head: {
        kind: "parsed",
        parse: String,
        brief: "File with a head that audit head printed.",
        placeholder: "FILE",
        optional: true,
      },
      json: JSON_FLAG,
    },
  },
  examples: ["audit verify", "audit verify --head /media/stick/head.json"],
  async run(world, flags) {
    let head: Parameters<typeof verifyAudit>[1];
    if (flags.head !== undefined) {
      const parsed = parseHead(await readFile(flags.head, "utf8").catch(() => ""));
      if (!parsed.ok) {
        complain(world, `${flags.head} holds no head as skerry audit head prints it`);
        return EXIT.data;
      }
      head = parsed.value;
    }
    const verified = verifyAudit(`${world.places.state}/audit`, head);
    if (flags.json) printJson(world, verified);
    else if (verified.ok) print(world, wholeText(verified.value));
    else complain(world, describeBroken(verified.problem));
    return verified.ok ? EXIT.done : EXIT.refused;
  },
});

function wholeText({ records, from, head, headFound }: AuditVerified): string {
  if (head === undefined) return "the audit is whole: it has no record yet";
  const older = from > 1 ? `; what was before record ${from} has been trimmed, as the record says` : "";
  const kept = headFound ? "\n  the head that was kept is in it: nothing up to there was cut off" : "";
  return `the audit is whole: ${records} records, the newest is number ${head.seq} of ${head.time}${older}${kept}`;
}
