/** Tighten: of two rules the one that nothing went through is proposed, with its line; nothing is changed. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { done, json, until } from "./life.fixture.ts";
import { deployWithRules, makeNamedTrial, NO_NAMED_NETWORKS, tryInside } from "./named-network.fixture.ts";

const skip = NO_NAMED_NETWORKS;

const { trial, world } = await makeNamedTrial();

test("a rule that was used stays unnamed, one that was not is proposed, and the file stays as it is", {
  skip,
}, async () => {
  const port = await world.serve((socket) => socket.end("served"));
  world.names.set("used.example.org", [world.address]);
  const used = `{ to: "used.example.org:${port}", private: yes }`;
  deployWithRules(trial, world, "one", `{ answer: subset, allow: [${used}, "idle.example.org:443"] }`);
  await tryInside(trial, "one", [`tcp:used.example.org:${port}`]);
  await until("its use is on record", async () =>
    (await done(trial, ["audit", "one", "--net"])).stdout.includes("net-allowed"),
  );
  const file = `${trial.home}/config/deployments/one.yaml`;
  const text = readFileSync(file, "utf8");
  // Its answer has changed within that time: nothing is judged.
  const fresh = await done(trial, ["tighten", "one", "--unused-for", "1h"]);
  assert.equal(fresh.stdout, "");
  assert.match(fresh.stderr, /changed meanwhile, and so not judged: /);
  // From the moment on when the rules were there.
  const changed = /^(\S+) {2}grants-changed/m.exec((await done(trial, ["audit", "one", "--grants"])).stdout)?.[1] ?? "";
  const since = new Date(Date.parse(changed) + 1).toISOString();
  const shown = await json(trial, ["tighten", "one", "--unused-for", since]);
  assert.ok(typeof shown === "object" && shown !== null && "unneeded" in shown);
  const line = text.split("\n").findIndex((each) => each.includes("idle.example.org")) + 1;
  assert.deepEqual(shown.unneeded, [{ request: "network", rule: "idle.example.org:443", because: "not-used", line }]);
  assert.equal(readFileSync(file, "utf8"), text);
});
