/** The same as tests/journeys/purge-race.test.ts, many times. */
import { test } from "node:test";
import { NO_GPG, withArchive } from "../hostile/packages/archive.fixture.ts";
import { PARTS, racePurges } from "../journeys/purge-race.fixture.ts";

test("two hundred starts that race purges run from whole images", { skip: NO_GPG }, async () => {
  await withArchive([{ name: "parts", files: PARTS }], async (trial) => await racePurges(trial, "parts", 67));
});
