/** `describe`: one instance; with --effective what it really gets. */
import type { DescribeResponseJson, ServiceJson } from "../../contract/index.ts";
import { ask } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { INSTANCE_NAME } from "../names.ts";
import { publishedText } from "../published.ts";
import { formatBytes, print, printJson, printTable, warn } from "../print.ts";

export default defineCommand<{ readonly effective: boolean; readonly json: boolean }, [string]>({
  parameters: {
    flags: {
      effective: { kind: "boolean", brief: "What is requested and granted, joined.", default: false },
      json: JSON_FLAG,
    },
    positional: INSTANCE_NAME,
  },
  examples: ["describe ripgrep", "describe ripgrep --effective"],
  async run(world, flags, name) {
    const answer = await ask<DescribeResponseJson>(world, "Describe", { name });
    if (!answer.ok) return answer.problem.exit;
    const {
      effective = [],
      volumes = [],
      copies = [],
      text = "",
      file = "",
      state = "",
      recipe = "",
      ready = "",
      service,
      published = [],
      limits = [],
    } = answer.value;
    if (flags.json) {
      printJson(world, answer.value);
      return EXIT.done;
    }
    if (!flags.effective) {
      print(
        world,
        `# ${file}\n# recipe ${recipe}; ${[state, ...livingWords(ready, service)].join(", ")}\n${text.trimEnd()}`,
      );
      return EXIT.done;
    }
    printTable(
      world,
      effective,
      [
        { title: "REQUEST", cell: ({ request = "" }) => request },
        { title: "SERVICE", cell: ({ service = "" }) => service },
        {
          title: "ANSWER",
          cell: ({ answer: word = "", because }) => (because === "not-answered" ? `${word} (not written)` : word),
        },
        { title: "GETS", cell: ({ gets = "" }) => gets },
      ],
      "nothing is requested, and so nothing is granted",
    );
    for (const { name: volume = "", inside = "", folder = "" } of volumes)
      print(world, `volume ${volume} at ${inside}: ${folder === "" ? "in memory" : folder}`);
    for (const one of published) print(world, `published ${publishedText(one)}`);
    for (const one of limits) print(world, `limit ${one}`);
    for (const { request = "", folder = "", files = 0, bytes = 0, more = false } of copies) {
      const waits =
        files === 0
          ? "nothing waits"
          : `${more ? "more than " : ""}${files} ${files === 1 ? "file waits" : "files wait"}, ${formatBytes(Number(bytes))}`;
      print(world, `copy ${request} of ${folder}: ${waits} (skerry changes ${name} ${request})`);
    }
    for (const warning of effective.flatMap(({ warnings = [] }) => warnings)) warn(world, warning);
    return EXIT.done;
  },
});

function livingWords(ready: string, service: ServiceJson | undefined): readonly string[] {
  const again = service?.state === "waiting" ? [`starts again ${service.due ?? ""}`] : [];
  const gaveUp =
    service?.state === "given-up" ? ["given up: it ended more often than its restart policy lets pass"] : [];
  return [...(ready === "none" ? [] : [ready === "ready" ? "ready" : "not ready"]), ...again, ...gaveUp];
}
