import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { placesFrom, sessionPlacesFrom } from "../model/index.ts";
import { realPerformer } from "./perform.ts";
import { probeHost } from "./probe.ts";

const home = mkdtempSync(join(tmpdir(), "skerry-perform-"));
after(() => rmSync(home, { recursive: true }));

const uid = process.getuid?.() ?? 0;
const places = placesFrom({ SKERRY_HOME: home }, uid, home);
const performer = realPerformer({
  ...{ places, proxy: undefined, session: sessionPlacesFrom({ SKERRY_HOME: home }, uid) },
  facts: await probeHost({ PATH: process.env["PATH"] }),
});
const WATCH = { signal: new AbortController().signal, report: () => {} };

test("of two who have made the same folder under a name of its content, the first one's is kept", async () => {
  const [to, ...made] = ["layer", "first", "second"].map((name) => `${places.data}/${name}`);
  if (to === undefined) throw new Error("it has a name");
  for (const from of made) {
    mkdirSync(`${from}/fs`, { recursive: true });
    writeFileSync(`${from}/fs/by`, from);
    assert.ok((await performer.perform({ kind: "rename", from, to, namedByContent: true }, WATCH)).ok);
  }
  assert.equal(readFileSync(`${to}/fs/by`, "utf8"), made[0]);
  assert.deepEqual(readdirSync(places.data), ["layer"], "what came later is gone");
});

test("in the place of any other folder nothing is put", async () => {
  for (const name of ["there", "new"]) {
    mkdirSync(`${places.data}/${name}`, { recursive: true });
    writeFileSync(`${places.data}/${name}/file`, name);
  }
  const done = await performer.perform(
    { kind: "rename", from: `${places.data}/new`, to: `${places.data}/there` },
    WATCH,
  );
  assert.ok(!done.ok && done.problem.kind === "step-failed");
  assert.equal(readFileSync(`${places.data}/new/file`, "utf8"), "new");
});
