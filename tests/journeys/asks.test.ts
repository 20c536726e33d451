/** A network that is asked for: connections wait for the owner's word, and the word lasts as long as was said. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterEach, test } from "node:test";
import { done, recorded, until } from "./life.fixture.ts";
import { deployWithRules, makeNamedTrial, NO_NAMED_NETWORKS, tryInside } from "./named-network.fixture.ts";

const skip = NO_NAMED_NETWORKS;

const { trial, world } = await makeNamedTrial();
const port = await world.serve((socket) => socket.end("served"));
world.names.set("shop.example.org", [world.address]);

interface Waiting {
  readonly id: string;
  readonly instance: string;
  readonly target: string;
}

const asked = async (): Promise<readonly Waiting[]> => JSON.parse((await done(trial, ["asks", "--json"])).stdout);

afterEach(async () => {
  if (skip !== false) return;
  assert.deepEqual(await asked(), [], "nothing waits any more");
});

const TARGET = () => `tcp:shop.example.org:${port}`;

/** Of this host, where the server is, names are let to private addresses only where a rule says so. */
const deploy = (name: string) =>
  deployWithRules(trial, world, name, '{ answer: ask, allow: [{ to: "*", private: yes, answer: ask }] } # mine');

/** Tries from inside, and answers once it is asked. */
async function tried(name: string, ...words: readonly string[]): Promise<string | undefined> {
  const seen = tryInside(trial, name, [TARGET()]);
  let waiting: Waiting | undefined;
  await until("it is asked", async () => (waiting = (await asked())[0]) !== undefined);
  assert.deepEqual([waiting?.instance, waiting?.target], [name, `shop.example.org:${port}`]);
  await done(trial, ["answer", waiting?.id ?? "", ...words]);
  return (await seen)[TARGET()];
}

test("a connection waits for the answer, and what is allowed once is asked for again", { skip }, async () => {
  deploy("once");
  assert.equal(await tried("once", "allow"), "served");
  assert.match((await tried("once", "deny")) ?? "", /^ECONNRESET$/);
  const told = (await recorded(trial, "once")).filter(({ kind }) => kind === "ask" || kind === "answer");
  assert.deepEqual(
    told.map(({ kind, facts }) => [kind, facts["target"], facts["allow"]]),
    [
      ["ask", `shop.example.org:${port}`, undefined],
      ["answer", `shop.example.org:${port}`, true],
      ["ask", `shop.example.org:${port}`, undefined],
      ["answer", `shop.example.org:${port}`, false],
    ],
  );
});

test("an answer for a time is given to the next start as well, and by the next agent", { skip }, async () => {
  deploy("timed");
  assert.equal(await tried("timed", "allow", "--for", "1h"), "served");
  await trial.client.shutdown();
  assert.equal((await tryInside(trial, "timed", [TARGET()]))[TARGET()], "served");
});

test("an answer for ever is a rule in the deployment, whose comments stay", { skip }, async () => {
  deploy("ever");
  const file = `${trial.home}/config/deployments/ever.yaml`;
  assert.equal(await tried("ever", "allow", "--forever"), "served");
  assert.match(readFileSync(file, "utf8"), new RegExp(`shop\\.example\\.org:${port}.*# mine`));
  assert.equal((await tryInside(trial, "ever", [TARGET()]))[TARGET()], "served");
  deploy("never");
  assert.match((await tried("never", "deny", "--forever")) ?? "", /^ECONNRESET$/);
  assert.match((await tryInside(trial, "never", [TARGET()]))[TARGET()] ?? "", /^ECONNRESET$/);
});

test("what is no question, and what is no answer, is refused in words", { skip }, async () => {
  assert.match((await done(trial, ["answer", "0badcafe", "allow"], { code: 1 })).stderr, /no question 0badcafe waits/);
  assert.match((await done(trial, ["answer", "0badcafe", "yes"], { code: 64 })).stderr, /it is allow or deny/);
  const both = ["answer", "0badcafe", "allow", "--forever", "--session"];
  assert.match((await done(trial, both, { code: 64 })).stderr, /one of --session, --for and --forever/);
});
