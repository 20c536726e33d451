/** The long form of what tests/journeys/build-together.test.ts does ten times. */
import { after, before, test } from "node:test";
import { type Archive, makeArchive, makeBuildTrial, NO_GPG } from "../hostile/packages/archive.fixture.ts";
import { killDuringBuild, killPoints } from "../hostile/packages/killing.fixture.ts";

const NAMES = ["one", "two", "three", "four", "five"] as const;

let archive: Archive;

before(async () => {
  if (NO_GPG === false)
    archive = await makeArchive(NAMES.map((name) => ({ name, files: [{ name: `./${name}`, content: name }] })));
});

after(async () => {
  if (NO_GPG === false) await archive.close();
});

for (const [index, point] of killPoints(60, 9_041).entries()) {
  const withBase = index % 6 !== 0;
  test(`an agent killed after ${point.requests} requests and ${point.thenMs} ms${withBase ? "" : ", in the base"}`, {
    skip: NO_GPG,
  }, async () => {
    const trial = makeBuildTrial(archive, withBase);
    trial.recipe("killed", NAMES);
    await killDuringBuild(trial, archive, "killed", point);
    await trial.close();
  });
}
