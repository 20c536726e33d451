/** The same as tests/journeys/kill-everything.test.ts, three hundred times. */
import { test } from "node:test";
import { NO_GPG, withArchive } from "../hostile/packages/archive.fixture.ts";
import { killEverything, PACKAGES } from "../journeys/kill-everything.fixture.ts";

test("three hundred kills over all operations lose no data and leave nothing half", { skip: NO_GPG }, async () => {
  await withArchive(PACKAGES, async (trial, archive) => await killEverything(trial, archive, 300));
});
