/** `audit head`: the newest record's number and hash, to be kept elsewhere. */
import { auditHead } from "../../audit/index.ts";
import { defineCommand } from "../command.ts";
import { EXIT } from "../exit.ts";
import { say } from "../print.ts";

export default defineCommand({
  parameters: {},
  description: "Keep it where this host cannot change it: a chain alone does not show that its end was cut off.",
  examples: ["audit head > /media/stick/head.json"],
  async run(world) {
    const head = auditHead(`${world.places.state}/audit`);
    if (head === undefined) {
      say(world, "no records");
      return EXIT.refused;
    }
    world.process.stdout.write(`${JSON.stringify(head)}\n`);
    return EXIT.done;
  },
});
