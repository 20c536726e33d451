/** `skerry doctor`: what works here, what does not, and the command that mends it. Changes nothing. */
import { filesToLookFor, helperState, missingPackages, presentFiles } from "../../host/index.ts";
import { agingImages } from "../aging-images.ts";
import { defineCommand, JSON_FLAG } from "../command.ts";
import { canRun, type Check, doctorChecks } from "../doctor-checks.ts";
import { EXIT } from "../exit.ts";
import { missingForMachines } from "../machine-packages.ts";
import { complain, paint, print, printJson } from "../print.ts";

export default defineCommand<{ readonly json: boolean }>({
  parameters: { flags: { json: JSON_FLAG } },
  description: "Ends with 0 when apps can run here, else with 69.",
  examples: ["doctor", "doctor --json"],
  async run(world, { json }) {
    const facts = await world.facts();
    if (!facts.ok) {
      complain(world, facts.problem.text);
      return EXIT.data;
    }
    const { architecture, programs } = facts.value;
    const checks = doctorChecks({
      facts: facts.value,
      missing: [
        ...missingPackages(programs, await presentFiles(filesToLookFor(architecture)), architecture),
        ...(await missingForMachines(world.places, facts.value)),
      ],
      helper: await helperState(world.places.program),
      aging: await agingImages(world.places),
    });
    const runs = canRun(checks);
    if (json) {
      printJson(world, { canRun: runs, checks: checks.map((check) => ({ ...check, mend: check.mend ?? null })) });
    } else {
      const colours = { ok: "green", weaker: "yellow", missing: "red" } as const satisfies Record<
        Check["state"],
        string
      >;
      const nameWidth = Math.max(...checks.map(({ name }) => name.length));
      for (const { name, state, meaning, mend } of checks) {
        // Painted here, since print() escapes what could be a colour of somebody else's.
        world.process.stdout.write(`${paint(world, colours[state], state.padEnd(7))}  `);
        print(world, `${name.padEnd(nameWidth)}  ${meaning}${mend === undefined ? "" : `\n${" ".repeat(9)}${mend}`}`);
      }
      print(world, runs ? "\nApps can run here." : "\nApps cannot run here until what is missing is mended.");
    }
    return runs ? EXIT.done : EXIT.unavailable;
  },
});
