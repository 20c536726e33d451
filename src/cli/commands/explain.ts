/** `explain`: why an instance may do something or may not, from the line that asks for it to what is let through. */
import { resolve } from "node:path";
import type {
  ExplainedRequestJson,
  ExplainedVerbJson,
  ExplainResponseJson,
  LineToWriteJson,
} from "../../contract/index.ts";
import { ask } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { proposeDeployments } from "../names.ts";
import { print, printJson, say, warn } from "../print.ts";
import { lineText, rightLines, targetWords } from "../rights.ts";
import type { World } from "../world.ts";

export default defineCommand<{ readonly json: boolean }, [string, string?]>({
  parameters: {
    flags: { json: JSON_FLAG },
    positional: {
      kind: "tuple",
      parameters: [
        { parse: String, brief: "Name of the instance.", placeholder: "NAME", proposeCompletions: proposeDeployments },
        {
          parse: String,
          brief: "A folder, a request or volume of it, another instance, or a target such as example.org:443.",
          placeholder: "TARGET",
          optional: true,
        },
      ],
    },
  },
  description: [
    "Without TARGET: every request with the line that asks for it, the line that answers, and what that lets through. With",
    "TARGET: whether the instance can read, write or reach it, by itself or over others, and which lines would allow it.",
  ].join("\n"),
  examples: ["explain ripgrep", "explain radicale imap.example.org:993", "explain dev-shell ~/taxes"],
  async run(world, { json }, name, target = "") {
    const here = /^\.{1,2}(\/|$)/.test(target) ? resolve(target) : target;
    const answer = await ask<ExplainResponseJson>(world, "WiringService/Explain", { name, target: here });
    if (!answer.ok) return answer.problem.exit;
    if (json) printJson(world, answer.value);
    else show(world, answer.value, target);
    const { unreadable = [] } = answer.value;
    if (unreadable.length > 0 && target !== "")
      warn(world, `of ${unreadable.join(", ")} nothing is known, since they cannot be read; skerry graph says why`);
    return EXIT.done;
  },
});

function show(world: World, explained: ExplainResponseJson, target: string): void {
  const { name = "", file = "", blocked = "", requests = [], others = [], verbs = [], linesToWrite = [] } = explained;
  if (blocked !== "") print(world, `${name} cannot be started as things are: ${blocked}`);
  for (const verb of verbs) for (const line of verbLines(world, explained, verb)) print(world, line);
  if (requests.length === 0 && target === "") say(world, `${name} asks for nothing, and so it is granted nothing`);
  for (const request of requests) for (const line of requestLines(world, request, file, target)) print(world, line);
  if (others.length > 0) print(world, ["by itself:", ...rightLines(world, others)].join("\n"));
  for (const line of writeLines(world, linesToWrite, file)) print(world, line);
}

function verbLines(
  world: World,
  { name = "", targetKind = "", target = "" }: ExplainResponseJson,
  { verb = "", own = [], way = [], perhaps }: ExplainedVerbJson,
): readonly string[] {
  const what = targetWords(world, targetKind, target);
  const can = perhaps === true ? "can perhaps, since a name leads to any address and who is asked may say yes," : "can";
  if (own.length > 0) return [`${name} ${can} ${verb} ${what} by itself:`, ...rightLines(world, own)];
  if (way.length > 0) return [`${name} ${can} ${verb} ${what} with the help of others:`, ...rightLines(world, way)];
  return [`${name} cannot ${verb} ${what}`];
}

function requestLines(world: World, request: ExplainedRequestJson, file: string, target: string): readonly string[] {
  const { name = "", service = "", why = "", need = "", verbs = [], asked, answer = "", answered } = request;
  const { gets = "", letsThrough = [], problem = "", notes = [], lineToWrite } = request;
  const wish = verbs.length === 0 ? "" : `, to ${verbs.join(" and ")}`;
  const word =
    answered === undefined ? "not answered, and so denied" : `answered in ${lineText(world, answered)}: ${answer}`;
  return [
    `${name}: a ${service}${wish}; ${need}`,
    `  asked for${asked === undefined ? "" : ` in ${lineText(world, asked)}`}: ${why}`,
    `  ${word}`,
    ...(problem === "" ? [`  gets ${gets}`] : problem.split("\n").map((line) => `  ${line}`)),
    ...letsThrough.map((each) => `  lets through: ${each}`),
    ...notes.map((note) => `  ${note}`),
    // With a target the lines for that are below.
    ...(target === "" || target === name
      ? writeLines(world, lineToWrite === undefined ? [] : [lineToWrite], file)
      : []
    ).map((line) => `  ${line}`),
  ];
}

function writeLines(world: World, lines: readonly LineToWriteJson[], file: string): readonly string[] {
  if (lines.length === 0) return [];
  return [
    `to allow it, write in ${lineText(world, { file })}:`,
    ...lines.flatMap(({ key = "", line = "" }) => [`  ${key}:`, `    ${line}`]),
  ];
}
