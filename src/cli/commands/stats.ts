/** `stats`: what running compartments use. */
import type { ListCompartmentsResponseJson } from "../../contract/index.ts";
import { ask } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { formatBytes, printJson, printTable } from "../print.ts";

export default defineCommand<{ readonly json: boolean }>({
  parameters: { flags: { json: JSON_FLAG } },
  examples: ["stats"],
  async run(world, { json }) {
    const answer = await ask<ListCompartmentsResponseJson>(world, "ListCompartments", { usage: true });
    if (!answer.ok) return answer.problem.exit;
    const rows = (answer.value.compartments ?? []).map(({ name = "", state = "", usage = {} }) => ({
      name,
      state,
      processes: usage.processes ?? 0,
      residentBytes: Number(usage.residentBytes ?? 0),
      cpuMs: Number(usage.cpuMs ?? 0),
    }));
    if (json) printJson(world, rows);
    else {
      printTable(
        world,
        rows,
        [
          { title: "NAME", cell: ({ name }) => name },
          { title: "STATE", cell: ({ state }) => state },
          { title: "PROCESSES", cell: ({ processes }) => String(processes), right: true },
          { title: "MEMORY", cell: ({ residentBytes }) => formatBytes(residentBytes), right: true },
          { title: "CPU", cell: ({ cpuMs }) => `${(cpuMs / 1000).toFixed(2)} s`, right: true },
        ],
        "nothing runs",
      );
    }
    return EXIT.done;
  },
});
