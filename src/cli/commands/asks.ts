/** `asks`: what apps want and wait for. */
import type { WaitingAskJson, WatchAsksResponseJson } from "../../contract/index.ts";
import { escapeText } from "../../model/index.ts";
import { agentOf, ask, failed } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { print, printJson, printTable } from "../print.ts";

interface Flags {
  readonly json: boolean;
  readonly follow: boolean;
}

const COLUMNS = [
  { title: "ID", cell: ({ id = "" }: WaitingAskJson) => id },
  { title: "APP", cell: ({ instance = "" }: WaitingAskJson) => instance },
  { title: "REQUEST", cell: ({ request = "" }: WaitingAskJson) => request },
  { title: "WANTS", cell: ({ target = "" }: WaitingAskJson) => escapeText(target) },
  { title: "UNTIL", cell: ({ until = "" }: WaitingAskJson) => until.slice(11, 19) },
] as const;

export default defineCommand<Flags>({
  parameters: {
    flags: {
      json: JSON_FLAG,
      follow: { kind: "boolean", brief: "Go on, and print each question as it comes.", default: false },
    },
    positional: { kind: "tuple", parameters: [] },
  },
  description: "Without an answer in time the answer is no. Answer with: skerry answer ID allow",
  examples: ["asks", "asks --follow"],
  async run(world, { json, follow }) {
    if (!follow) {
      const listed = await ask<WatchAsksResponseJson>(world, "AsksService/ListAsks", {});
      if (!listed.ok) return listed.problem.exit;
      const { asks = [] } = listed.value;
      if (json) printJson(world, asks);
      else printTable(world, asks, COLUMNS, "nothing is asked");
      return EXIT.done;
    }
    const answers = agentOf(world).stream<WatchAsksResponseJson>("AsksService/WatchAsks", {}, world.signal);
    const shown = new Set<string>();
    for (;;) {
      const next = await answers.next();
      if (next.done === true) return next.value.ok ? EXIT.done : failed(world, next.value.problem).exit;
      for (const each of next.value.asks ?? []) {
        const { id = "", instance = "", target = "" } = each;
        if (shown.has(id)) continue;
        shown.add(id);
        if (json) print(world, JSON.stringify(each));
        else print(world, `${id}  ${instance} wants ${escapeText(target)}: skerry answer ${id} allow|deny`);
      }
    }
  },
});
