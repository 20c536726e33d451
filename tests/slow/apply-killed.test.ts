/** The same as the few kills in tests/journeys/changes-hard.test.ts, many times. */
import { after, test } from "node:test";
import { killApplies } from "../journeys/apply-killed.fixture.ts";
import { makeTrial } from "../journeys/trial.fixture.ts";

const trial = makeTrial();
after(async () => await trial.close());

test("forty applies that are killed lose nothing, and leave nothing half", async () => {
  await killApplies(trial, 40);
});
