/** `prove`: claims about all instances together; of one that does not hold, what shows it. */
import type { ProvedClaimJson, ProvedStatementJson, ProveResponseJson } from "../../contract/index.ts";
import { ask } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { complain, print, printJson, say, warn } from "../print.ts";
import { rightLines } from "../rights.ts";
import type { World } from "../world.ts";

interface Flags {
  readonly file?: string;
  readonly json: boolean;
}

/** Of a file of claims. */
const LIMIT_BYTES = 256 * 1024;

export default defineCommand<Flags, readonly string[]>({
  parameters: {
    flags: {
      file: {
        kind: "parsed",
        parse: String,
        brief: "Claims from a file, one on each line; # begins a comment.",
        placeholder: "FILE",
        optional: true,
      },
      json: JSON_FLAG,
    },
    positional: {
      kind: "array",
      parameter: { parse: String, brief: "A claim, in quotes.", placeholder: "CLAIM" },
    },
  },
  description: [
    "Looks at all deployments as they are written, with folders, volumes and links as ways from one app to another. The",
    "exit code is 0 where every claim holds and 1 where one does not, with the shortest way that shows it, line by line;",
    "64 for a claim that makes no sense, and 65 where a deployment cannot be read. docs/reference/prove.md has the language.",
  ].join("\n"),
  examples: [
    "prove 'no app that reads folder ~/taxes can reach network'",
    "prove 'no tag:bank can reach app chess' 'mail can reach network imap.example.org:993'",
    "prove --file claims.txt",
  ],
  async run(world, { file, json }, ...words) {
    const claims = [...words, ...(file === undefined ? [] : ((await claimsIn(world, file)) ?? []))];
    if (claims.length === 0) {
      complain(
        world,
        "there is no claim\n  say one: skerry prove 'no app that reads folder ~/taxes can reach network'",
      );
      return EXIT.usage;
    }
    const answer = await ask<ProveResponseJson>(world, "WiringService/Prove", { claims });
    if (!answer.ok) return answer.problem.exit;
    const { claims: proved = [] } = answer.value;
    if (json) printJson(world, proved);
    for (const one of proved) show(world, one, json);
    if (proved.some(({ complaint }) => complaint !== undefined)) return EXIT.usage;
    return proved.every(({ holds }) => holds === true) ? EXIT.done : EXIT.refused;
  },
});

/** @returns undefined where it cannot be read, which has been said */
async function claimsIn(world: World, file: string): Promise<readonly string[] | undefined> {
  const { readTextIfThere } = await import("../../host/files.ts");
  const text = await readTextIfThere(file, { limitBytes: LIMIT_BYTES, links: "followed" }).catch(() => undefined);
  if (text === undefined) {
    complain(world, `${file} cannot be read, or is larger than ${LIMIT_BYTES / 1024} KiB`);
    return undefined;
  }
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

function show(
  world: World,
  { claim = "", holds, complaint, statements = [], notes = [] }: ProvedClaimJson,
  json: boolean,
) {
  if (complaint !== undefined) {
    const { at = 0, message = "" } = complaint;
    complain(world, `${message}\n  ${claim}\n  ${" ".repeat(at)}^`);
    return;
  }
  for (const note of notes) warn(world, note);
  if (json) return;
  print(world, `${holds === true ? "holds" : "does not hold"}: ${claim}`);
  if (holds === true) return;
  for (const statement of statements) for (const line of shows(world, statement)) print(world, line);
  if (statements.length > 0) say(world, "skerry edit NAME changes what an instance is granted");
}

function shows(world: World, statement: ProvedStatementJson): readonly string[] {
  const { text = "", instance = "", meant = [], way = [], cannot = [], perhaps } = statement;
  if (instance !== "")
    return [
      `${instance} can${perhaps === true ? ", perhaps, since a name leads to any address and who is asked may say yes" : ""}:`,
      ...rightLines(world, [...meant, ...way]),
    ];
  if (cannot.length > 0) return [`these cannot: ${cannot.join(", ")}`];
  return [`nobody can: ${text}`];
}
