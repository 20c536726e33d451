/** A disk that is full while an app asks: an answer that cannot be put on record does not count, and with room again it does. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, statSync, writeSync } from "node:fs";
import { after, before, test } from "node:test";
import { done, recorded, until } from "./life.fixture.ts";
import {
  deployWithRules,
  makeNamedWorld,
  type NamedWorld,
  NO_NAMED_NETWORKS,
  tryInside,
} from "./named-network.fixture.ts";
import { makeTrial, type Trial } from "./trial.fixture.ts";

const skip = process.getuid?.() === 0 ? NO_NAMED_NETWORKS : "cannot here: a small disk of one's own takes root";

let trial: Trial;
let world: NamedWorld;
let port = 0;

before(async () => {
  if (skip !== false) return;
  trial = makeTrial();
  world = await makeNamedWorld();
  port = await world.serve((socket) => socket.end("served"));
  world.names.set("shop.example.org", [world.address]);
  mkdirSync(`${trial.home}/state`);
  const words = ["-t", "tmpfs", "-o", "size=8m,mode=0755", "skerry-full", `${trial.home}/state`];
  assert.equal(spawnSync("/usr/bin/mount", words).status, 0);
});

after(async () => {
  if (skip !== false) return;
  await trial.client.shutdown();
  spawnSync("/usr/bin/umount", ["-l", `${trial.home}/state`]);
  await trial.close();
  await world.close();
});

/** Not a byte is left from here on. @returns gives the room back */
function fill(): () => void {
  const path = `${trial.home}/state/filler`;
  const file = openSync(path, "w");
  for (let bytes = 1024 * 1024; bytes >= 1; )
    try {
      writeSync(file, Buffer.alloc(bytes));
    } catch {
      bytes = Math.floor(bytes / 2);
    }
  closeSync(file);
  return () => rmSync(path);
}

const auditBytes = (): number =>
  readdirSync(`${trial.home}/state/audit`).reduce(
    (sum, name) => sum + statSync(`${trial.home}/state/audit/${name}`).size,
    0,
  );

/** Room in the last page of the audit's file is used up by records, long ones first. */
async function useUpLastPage(): Promise<void> {
  for (const length of [400, 100, 0])
    for (let before = -1; before !== auditBytes(); ) {
      before = auditBytes();
      await trial.skerry(["exec", "busy", "--", "true", ...(length === 0 ? [] : ["x".repeat(length)])]);
    }
}

test("an answer that cannot be put on record does not count", { skip }, async () => {
  deployWithRules(trial, world, "busy", "deny");
  await done(trial, ["start", "-q", "busy", "--", "-c", "exec sleep 1000"]);
  deployWithRules(trial, world, "asks", '{ answer: ask, allow: [{ to: "*", private: yes, answer: ask }] }');
  const target = `tcp:shop.example.org:${port}`;
  const seen = tryInside(trial, "asks", [target]);
  const asked = async (): Promise<readonly { readonly id: string }[]> =>
    JSON.parse((await done(trial, ["asks", "--json"])).stdout);
  const { id } = await until("it is asked", async () => (await asked())[0]);
  const giveBack = fill();
  try {
    await useUpLastPage();
    for (const lifetime of [[], ["--session"]]) {
      const refused = await done(trial, ["answer", id, "allow", ...lifetime], { code: 1 });
      assert.match(refused.stderr, /cannot be put on record, and so does not count: .*[Ss]pace/);
    }
    assert.equal((await asked()).length, 1, "it still waits");
  } finally {
    giveBack();
  }
  await done(trial, ["answer", id, "allow"]);
  assert.equal((await seen)[target], "served");
  const answers = (await recorded(trial, "asks")).filter(({ kind }) => kind === "answer");
  assert.deepEqual(
    answers.map(({ facts }) => facts["allow"]),
    [true],
  );
  await done(trial, ["kill", "busy"]);
});
