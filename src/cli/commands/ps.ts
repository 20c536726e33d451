/** `ps`: what runs. */
import type { CompartmentJson, ListCompartmentsResponseJson } from "../../contract/index.ts";
import { ask } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { publishedText } from "../published.ts";
import { printJson, printTable } from "../print.ts";

export default defineCommand<{ readonly all: boolean; readonly json: boolean }>({
  parameters: {
    flags: { all: { kind: "boolean", brief: "Also what has ended.", default: false }, json: JSON_FLAG },
    aliases: { a: "all" },
  },
  examples: ["ps", "ps --all --json"],
  async run(world, { all, json }) {
    const answer = await ask<ListCompartmentsResponseJson>(world, "ListCompartments", { all });
    if (!answer.ok) return answer.problem.exit;
    const { compartments = [] } = answer.value;
    if (json) printJson(world, compartments);
    else {
      printTable(
        world,
        compartments,
        [
          { title: "NAME", cell: ({ name = "" }) => name },
          {
            title: "STATE",
            cell: stateOf,
          },
          { title: "READY", cell: ({ ready = "" }) => (ready === "none" ? "-" : ready) },
          {
            title: "ISOLATION",
            cell: ({ isolation = "", clone = false }) => (clone ? `${isolation}, clone` : isolation),
          },
          { title: "STARTED", cell: ({ started = "" }) => started },
          { title: "PID", cell: ({ pid = 0 }) => String(pid), right: true },
          ...(compartments.some(({ published = [] }) => published.length > 0)
            ? [
                {
                  title: "PUBLISHED",
                  cell: ({ published = [] }: CompartmentJson) => published.map(publishedText).join(", ") || "-",
                },
              ]
            : []),
          { title: "COMMAND", cell: ({ command = [] }) => command.join(" ") },
        ],
        all ? "nothing has run yet" : "nothing runs",
      );
    }
    return EXIT.done;
  },
});

function stateOf({ state = "", exitCode, service, learning = false }: CompartmentJson): string {
  if (learning && state === "running") return "learning";
  const ended = state === "ended" ? `ended (${exitCode ?? "?"})` : state;
  if (service?.state === "waiting") return `${ended}, starts again ${service.due ?? ""}`;
  return service?.state === "given-up" ? `${ended}, given up` : ended;
}
