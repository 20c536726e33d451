/** The same as the handful of kills in tests/journeys/life-agent.test.ts, a hundred times. */
import { after, test } from "node:test";
import { killLoop } from "../journeys/kill-loop.fixture.ts";
import { makeTrial } from "../journeys/trial.fixture.ts";

const trial = makeTrial();
after(async () => await trial.close());

test("a hundred kills at random points lose no data and leave nothing behind", async () => {
  await killLoop(trial, 100);
});
