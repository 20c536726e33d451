/** `vm memory`. */
import type { MachineMemoryResponseJson } from "../../contract/index.ts";
import { ask } from "../ask-agent.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { proposeRunning } from "../names.ts";
import { complain, print, printJson } from "../print.ts";

/** A size in whole MiB, as a deployment has it. */
const SIZE = /^([1-9][0-9]{0,6}) ?(MiB|GiB)$/;

export default defineCommand<{ readonly json: boolean }, [string, string?]>({
  parameters: {
    flags: { json: JSON_FLAG },
    positional: {
      kind: "tuple",
      parameters: [
        { parse: String, brief: "Instance that runs.", placeholder: "NAME", proposeCompletions: proposeRunning },
        {
          parse: String,
          brief: "What its system is to have: 512MiB. Default: look.",
          placeholder: "SIZE",
          optional: true,
        },
      ],
    },
  },
  description: [
    "Up to what the machine was started with. Its system is asked, and may take a while, or not give back as much: look again.",
    "It counts until the machine ends. What is not used goes back to the host by itself, without this.",
  ].join("\n"),
  examples: ["vm memory dev-shell", "vm memory dev-shell 512MiB"],
  async run(world, { json }, name, size) {
    const wantedMib = size === undefined ? 0 : mebibytesOf(size);
    if (wantedMib === undefined) {
      complain(world, `"${size}" is no size: write whole numbers of MiB or GiB, such as 512MiB`);
      return EXIT.usage;
    }
    const answer = await ask<MachineMemoryResponseJson>(world, "MachineService/MachineMemory", { name, wantedMib });
    if (!answer.ok) return answer.problem.exit;
    const { memoryMib = 0, mostMib = 0 } = answer.value;
    const asked = wantedMib === 0 || wantedMib === memoryMib ? "" : `; asked for ${wantedMib} MiB`;
    if (json) printJson(world, { name, memoryMiB: memoryMib, mostMiB: mostMib });
    else print(world, `the system of ${name} has ${memoryMib} MiB of ${mostMib} MiB${asked}`);
    return EXIT.done;
  },
});

function mebibytesOf(text: string): number | undefined {
  const [, number, unit] = SIZE.exec(text) ?? [];
  return number === undefined ? undefined : Number(number) * (unit === "GiB" ? 1024 : 1);
}
