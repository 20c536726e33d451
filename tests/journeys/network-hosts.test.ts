/** Names that stand in the host's own file: they come before name servers, and lead no further than their rule says. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { recorded, until } from "./life.fixture.ts";
import { deployWithRules, makeNamedTrial, NO_NAMED_NETWORKS, tryInside } from "./named-network.fixture.ts";
import { environmentFor, ROOT } from "./trial.fixture.ts";

const skip =
  process.getuid?.() === 0 ? NO_NAMED_NETWORKS : "cannot here: another /etc/hosts for one process takes root";

const { trial, world } = await makeNamedTrial();
const port = await world.serve((socket) => socket.end("served"));

/** Begins an agent that sees this file in the place of /etc/hosts, until it ends. */
function beginAgentWith(hosts: string): void {
  writeFileSync(`${trial.files}/hosts`, hosts);
  const script = 'mount --bind "$1" /etc/hosts && shift && exec "$@"';
  const words = [
    "-m",
    "--propagation",
    "private",
    "sh",
    "-c",
    script,
    "sh",
    `${trial.files}/hosts`,
    `${ROOT}/skerry`,
    "ps",
  ];
  const ended = spawnSync("unshare", words, { env: environmentFor(trial.home), encoding: "utf8" });
  assert.equal(ended.status, 0, ended.stderr);
}

test("a name of the host's file is reached where its rule lets it, and no name server is asked", { skip }, async () => {
  const rules = `[{ to: "nas.example:${port}", private: yes }, "plain.example:${port}", "served.example:${port}"]`;
  deployWithRules(trial, world, "hosts", `{ answer: subset, allow: ${rules} }`);
  world.names.set("nas.example", ["192.0.2.1"]);
  beginAgentWith(`127.0.0.1 localhost\n${world.address} nas.example plain.example other.example # at home\n`);
  const targets = ["nas", "plain", "other", "served"].map((name) => `tcp:${name}.example:${port}`);
  const seen = await tryInside(trial, "hosts", targets);
  assert.equal(seen[`tcp:nas.example:${port}`], "served");
  assert.match(seen[`tcp:plain.example:${port}`] ?? "", /^ECONN/);
  assert.equal(seen[`tcp:other.example:${port}`], "no such name", "that it is written there grants nothing");
  assert.deepEqual([world.asked.has("nas.example"), world.asked.has("served.example")], [false, true]);
  await until("why it was refused", async () =>
    (await recorded(trial, "hosts")).some(
      ({ facts }) =>
        facts["to"] === `plain.example:${port}/tcp` &&
        /its address is (?:private|this host's)/.test(String(facts["because"])),
    ),
  );
  // Written in place: the agent sees the same file.
  writeFileSync(`${trial.files}/hosts`, "127.0.0.1 nas.example\n");
  assert.match((await tryInside(trial, "hosts", targets.slice(0, 1)))[`tcp:nas.example:${port}`] ?? "", /^ECONN/);
});
