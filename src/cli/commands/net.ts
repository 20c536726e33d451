/** `net`: what a running app has reached by the rules of its network, and what it was refused. */
import type { PublishedPortJson, ShowNetworkResponseJson } from "../../contract/index.ts";
import { escapeText } from "../../model/index.ts";
import { ask } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { proposeDeployments } from "../names.ts";
import { publishedText } from "../published.ts";
import { formatBytes, print, printJson, printTable, say } from "../print.ts";

export default defineCommand<{ readonly json: boolean }, [string]>({
  parameters: {
    flags: { json: JSON_FLAG },
    positional: {
      kind: "tuple",
      parameters: [
        { parse: String, brief: "Instance that runs.", placeholder: "NAME", proposeCompletions: proposeDeployments },
      ],
    },
  },
  description: [
    "Shows each target that the app has asked for since it was started, or since its agent was: how often, how much has",
    "passed, and the rule that allowed it or the reason why it was refused; and for each published port what came in there. All",
    "of it is in the audit, too.",
  ].join("\n"),
  examples: ["net firefox-esr"],
  async run(world, { json }, name) {
    const answer = await ask<ShowNetworkResponseJson>(world, "ShowNetwork", { name });
    if (!answer.ok) return answer.problem.exit;
    const { byRules = false, connections = 0, targets = [], others = "0", published = [] } = answer.value;
    const rows = targets.map(({ to = "", allowed = false, because = "", times, sent, received }) => ({
      ...{ to, allowed, because },
      ...{ times: Number(times ?? 0), sentBytes: Number(sent ?? 0), receivedBytes: Number(received ?? 0) },
    }));
    if (json) {
      printJson(world, {
        byRules,
        connections,
        targets: rows,
        others: Number(others),
        published: published.map(counts),
      });
      return EXIT.done;
    }
    if (published.length > 0) {
      printTable(
        world,
        published.map(counts),
        [
          { title: "PUBLISHED", cell: ({ port, at, problem }) => publishedText({ port, at, problem }) },
          { title: "OPEN", cell: ({ connections: open }) => String(open), right: true },
          { title: "CAME", cell: ({ times }) => String(times), right: true },
          { title: "REFUSED", cell: ({ refused }) => String(refused), right: true },
          { title: "SENT", cell: ({ sentBytes }) => formatBytes(sentBytes), right: true },
          { title: "RECEIVED", cell: ({ receivedBytes }) => formatBytes(receivedBytes), right: true },
        ],
        "nothing is published",
      );
      if (!byRules) return EXIT.done;
      print(world, "");
    }
    if (!byRules) {
      print(world, `${name} has no network by rules`);
      return EXIT.done;
    }
    printTable(
      world,
      rows,
      [
        { title: "TARGET", cell: ({ to }) => escapeText(to) },
        { title: "ANSWER", cell: ({ allowed }) => (allowed ? "allowed" : "refused") },
        { title: "TIMES", cell: ({ times }) => String(times), right: true },
        { title: "SENT", cell: ({ sentBytes }) => formatBytes(sentBytes), right: true },
        { title: "RECEIVED", cell: ({ receivedBytes }) => formatBytes(receivedBytes), right: true },
        { title: "BECAUSE", cell: ({ because }) => escapeText(because) },
      ],
      "nothing was asked for",
    );
    say(world, `${connections} open connections`);
    if (others !== "0") say(world, `${others} more decisions about targets that are not listed`);
    return EXIT.done;
  },
});

function counts({ port = 0, at = "", problem = "", connections = 0, ...rest }: PublishedPortJson) {
  const { times, refused, sent, received } = rest;
  return {
    ...{ port, at, problem, connections, times: Number(times ?? 0), refused: Number(refused ?? 0) },
    ...{ sentBytes: Number(sent ?? 0), receivedBytes: Number(received ?? 0) },
  };
}
