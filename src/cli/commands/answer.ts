/** `answer`: the owner's word on what an app wants. */
import type { AnswerAskResponseJson } from "../../contract/index.ts";
import { escapeText } from "../../model/index.ts";
import { parseAge } from "../amounts.ts";
import { ask } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { complain, print, printJson } from "../print.ts";

interface Flags {
  readonly session: boolean;
  readonly for?: number;
  readonly forever: boolean;
  readonly json: boolean;
}

export default defineCommand<Flags, [string, string]>({
  parameters: {
    flags: {
      session: { kind: "boolean", brief: "For as long as the app runs.", default: false },
      for: { kind: "parsed", parse: parseAge, brief: "For a time: 30m, 2h, 7d.", placeholder: "TIME", optional: true },
      forever: { kind: "boolean", brief: "For ever: written into the deployment.", default: false },
      json: JSON_FLAG,
    },
    positional: {
      kind: "tuple",
      parameters: [
        { parse: String, brief: "Of the question, as skerry asks lists it.", placeholder: "ID" },
        { parse: String, brief: "allow or deny.", placeholder: "allow|deny" },
      ],
    },
  },
  description: "Without a flag the answer counts this once.",
  examples: ["answer 0badcafe allow", "answer 0badcafe deny --for 2h", "answer 0badcafe allow --forever"],
  async run(world, { session, for: time, forever, json }, id, word) {
    if (word !== "allow" && word !== "deny") {
      complain(world, `"${word}" is no answer; it is allow or deny`);
      return EXIT.usage;
    }
    if ([session, time !== undefined, forever].filter(Boolean).length > 1) {
      complain(world, "one of --session, --for and --forever");
      return EXIT.usage;
    }
    const lifetime = forever ? "for-ever" : session ? "session" : time === undefined ? "once" : "until";
    const until = time === undefined ? "" : new Date(Date.now() + time).toISOString();
    const question = { id, allow: word === "allow", lifetime, until };
    const answered = await ask<AnswerAskResponseJson>(world, "AsksService/AnswerAsk", question);
    if (!answered.ok) return answered.problem.exit;
    const { instance = "", target = "" } = answered.value.ask ?? {};
    if (json) printJson(world, { ...answered.value.ask, ...question });
    else print(world, `${instance}: ${escapeText(target)} is ${word === "allow" ? "allowed" : "denied"}`);
    return EXIT.done;
  },
});
