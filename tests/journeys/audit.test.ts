/** The audit as its owner reads it: what was granted and where that is written, changed by whatever editor. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { done, type Recorded, recorded } from "./life.fixture.ts";
import { makeTrial } from "./trial.fixture.ts";

const trial = makeTrial();
after(async () => await trial.close());

const DEPLOYMENT = `${trial.home}/config/deployments/ripgrep.yaml`;
const NOTES = `${trial.files}/notes`;
mkdirSync(NOTES);
writeFileSync(`${NOTES}/a.txt`, "ferry\n");

const SEARCH = ["run", "-q", "ripgrep", "--", "-q", "ferry", "/work"] as const;

function answered(answer: string): number {
  const lines = readFileSync(DEPLOYMENT, "utf8").split("\n");
  const at = lines.findIndex((line) => /^ {2}folder: /.test(line));
  writeFileSync(DEPLOYMENT, lines.with(at, `  folder: ${answer}`).join("\n"));
  return at + 1;
}

function newest(records: readonly Recorded[], kind: string): Recorded {
  const found = records.findLast((record) => record.kind === kind);
  assert.ok(found !== undefined, `no record of ${kind}`);
  return found;
}

async function shown(words: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await done(trial, ["audit", "ripgrep", ...words, "--json"]);
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line).kind);
}

test("a start names the line that granted or denied each request; flags of one start are no line", async () => {
  await done(trial, ["deploy", "ripgrep"]);
  const denied = answered("deny");
  await trial.skerry(SEARCH);
  const first = newest(await recorded(trial, "ripgrep"), "start");
  assert.deepEqual(first.facts["grants"], [`folder: deny, nothing (deployments/ripgrep.yaml:${denied})`]);
  await done(trial, ["run", "-q", "--folder", `${NOTES}=real`, "ripgrep", "--", "-q", "ferry", "/work"]);
  const flagged = newest(await recorded(trial, "ripgrep"), "start");
  assert.deepEqual(flagged.facts["grants"], [`folder: real, ${NOTES}, read-only, at /work (for this start)`]);
  writeFileSync(
    DEPLOYMENT,
    readFileSync(DEPLOYMENT, "utf8")
      .replace("  folder: deny\n", "  # folder: deny\n")
      .replace(/^answers:$/m, "answers: {}"),
  );
  await trial.skerry(SEARCH);
  const unwritten = newest(await recorded(trial, "ripgrep"), "start");
  assert.deepEqual(unwritten.facts["grants"], ["folder: deny, nothing (not answered)"]);
  writeFileSync(
    DEPLOYMENT,
    readFileSync(DEPLOYMENT, "utf8")
      .replace("  # folder: deny\n", "  folder: deny\n")
      .replace(/^answers: \{\}$/m, "answers:"),
  );
});

test("a change of what is granted is on record before the start that it counts for, with its line", async () => {
  const line = answered(`{ answer: real, folder: ${NOTES} }`);
  await done(trial, SEARCH);
  const records = await recorded(trial, "ripgrep");
  const change = newest(records, "grants-changed");
  assert.deepEqual(change.facts["changes"], [`folder: deny → real, ${NOTES} (deployments/ripgrep.yaml:${line})`]);
  assert.ok(records.indexOf(change) < records.indexOf(newest(records, "start")));
  await done(trial, SEARCH);
  assert.equal((await shown([])).filter((kind) => kind === "grants-changed").length, 1);
  answered("deny");
  await trial.skerry(SEARCH);
  const back = newest(await recorded(trial, "ripgrep"), "grants-changed");
  assert.deepEqual(back.facts["changes"], [`folder: real, ${NOTES} → deny (deployments/ripgrep.yaml:${line})`]);
});

test("records are shown by what they are about, and from a moment on", async () => {
  const all = new Set(await shown([]));
  const [grants, life, net] = [await shown(["--grants"]), await shown(["--life"]), await shown(["--net"])];
  for (const kind of ["deploy", "start", "grants-changed"]) assert.ok(grants.includes(kind), kind);
  assert.ok(!grants.includes("end"));
  for (const kind of ["start", "end"]) assert.ok(life.includes(kind), kind);
  assert.ok(!life.includes("deploy"));
  assert.deepEqual(net, []);
  assert.deepEqual(new Set([...(await shown(["--grants", "--life"]))]), all);
  assert.deepEqual(new Set(await shown(["--since", "1h"])), all);
  assert.deepEqual(await shown(["--since", "2999-01-01"]), []);
  const wrong = await done(trial, ["audit", "--since", "yesterday"], { code: 64 });
  assert.match(wrong.stderr, /expected a time such as 2h, 7d/);
  await done(trial, ["audit", "verify"]);
});
