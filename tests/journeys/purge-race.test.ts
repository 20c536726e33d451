/** The few races of purges against starts; the long form is in tests/slow/. */
import { test } from "node:test";
import { NO_GPG, withArchive } from "../hostile/packages/archive.fixture.ts";
import { PARTS, racePurges } from "./purge-race.fixture.ts";

test("nine starts that race three purges run from whole images", { skip: NO_GPG }, async () => {
  await withArchive([{ name: "parts", files: PARTS }], async (trial) => await racePurges(trial, "parts", 3));
});
