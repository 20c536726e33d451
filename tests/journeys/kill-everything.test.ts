/** The few kills over all operations; the long form is in tests/slow/. */
import { after, before, test } from "node:test";
import {
  type Archive,
  type BuildTrial,
  makeArchive,
  makeBuildTrial,
  NO_GPG,
} from "../hostile/packages/archive.fixture.ts";
import { killEverything, PACKAGES } from "./kill-everything.fixture.ts";

let archive: Archive;
let trial: BuildTrial;

before(async () => {
  if (NO_GPG !== false) return;
  archive = await makeArchive(PACKAGES);
  trial = makeBuildTrial(archive);
});

after(async () => {
  if (NO_GPG !== false) return;
  await trial.close();
  await archive.close();
});

test("a few kills over all operations lose no data and leave nothing half", { skip: NO_GPG }, async () => {
  await killEverything(trial, archive, 8);
});
