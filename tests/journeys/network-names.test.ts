/** Networks by name: what an app reaches, seen from inside, between two servers of which one is granted. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "./doors.fixture.ts";
import {
  deployWithRules,
  makeNamedWorld,
  type NamedWorld,
  NO_NAMED_NETWORKS,
  tryInside,
} from "./named-network.fixture.ts";
import { makeTrial, type Trial } from "./trial.fixture.ts";

const skip = NO_NAMED_NETWORKS;

let trial: Trial;
let world: NamedWorld;
let right = 0;
let wrong = 0;

before(async () => {
  if (skip !== false) return;
  trial = makeTrial();
  world = await makeNamedWorld();
  right = await world.serve((socket) => socket.end("the right one"));
  wrong = await world.serve((socket) => socket.end("the wrong one"));
  world.names.set("right.example.org", [world.address]);
  world.names.set("wrong.example.org", [world.address]);
});

after(async () => {
  if (skip !== false) return;
  await trial.close();
  await world.close();
});

async function refusedIn(instance: string): Promise<readonly string[]> {
  const { stdout } = await trial.skerry(["audit", "--json"]);
  return stdout
    .split("\n")
    .filter((line) => line.includes('"net-refused"') && line.includes(`"${instance}"`))
    .map((line) => /"to":"([^"]*)"/.exec(line)?.[1] ?? "");
}

test("of two servers the granted one is reached by its name, and nothing else is", { skip }, async () => {
  deployWithRules(
    trial,
    world,
    "one",
    `{ answer: subset, allow: [{ to: "right.example.org:${right}", private: yes }] }`,
  );
  const seen = await tryInside(trial, "one", [
    `tcp:right.example.org:${right}`,
    `tcp:right.example.org:${wrong}`,
    `tcp:wrong.example.org:${wrong}`,
    `tcp:203.0.113.7:${right}`,
    `tcp:127.0.0.1:${right}`,
    `tcp:${world.address}:${right}`,
    `udp:right.example.org:${right}`,
    "udp:203.0.113.7:53",
    `tcp:2001:db8::7:${right}`,
    "udp:2001:db8::7:53",
    "name:right.example.org",
  ]);
  assert.equal(seen[`tcp:right.example.org:${right}`], "the right one");
  assert.equal(seen["tcp:wrong.example.org:" + String(wrong)], "no such name");
  assert.match(seen["name:right.example.org"] ?? "", /^198\.1[89]\.\S+ fd53:6b65:7279::\S+$/);
  for (const [target, said] of Object.entries(seen)) {
    if (target === `tcp:right.example.org:${right}` || target.startsWith("name:") || said === "no such name") continue;
    assert.match(said, /^ECONN(?:REFUSED|RESET)$/, target);
  }
  const named = [`right.example.org:${wrong}/tcp`, "wrong.example.org (name)", `203.0.113.7:${right}/tcp`];
  await until("records of what was refused", async () => {
    const refused = await refusedIn("one");
    return named.every((to) => refused.includes(to)) ? true : undefined;
  });
  assert.ok(!world.asked.has("wrong.example.org"), "what is not granted is asked of nobody");
});
