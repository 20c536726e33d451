/** The same as tests/journeys/purge-race.test.ts, many times. */
import { after, before, test } from "node:test";
import {
  type Archive,
  type BuildTrial,
  makeArchive,
  makeBuildTrial,
  NO_GPG,
} from "../hostile/packages/archive.fixture.ts";
import { PARTS, racePurges } from "../journeys/purge-race.fixture.ts";

let archive: Archive;
let trial: BuildTrial;

before(async () => {
  if (NO_GPG !== false) return;
  archive = await makeArchive([{ name: "parts", files: PARTS }]);
  trial = makeBuildTrial(archive);
});

after(async () => {
  if (NO_GPG !== false) return;
  await trial.close();
  await archive.close();
});

test("two hundred starts that race purges run from whole images", { skip: NO_GPG }, async () => {
  await racePurges(trial, "parts", 67);
});
