/** The few kills over all operations; the long form is in tests/slow/. */
import { test } from "node:test";
import { NO_GPG, withArchive } from "../hostile/packages/archive.fixture.ts";
import { killEverything, PACKAGES } from "./kill-everything.fixture.ts";

test("a few kills over all operations lose no data and leave nothing half", { skip: NO_GPG }, async () => {
  await withArchive(PACKAGES, async (trial, archive) => await killEverything(trial, archive, 8));
});
