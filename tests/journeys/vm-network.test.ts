/** Networks by name from a virtual machine: the same rules, seen from inside, between two servers of which one is granted. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { done, killAgent, until } from "./life.fixture.ts";
import { deployWithRules, makeNamedTrial, NO_NAMED_NETWORKS, tryInside } from "./named-network.fixture.ts";
import { lacksForMachines } from "./trial.fixture.ts";

const skip = lacksForMachines() === false ? NO_NAMED_NETWORKS : lacksForMachines();

/** Emulated, and on a machine with other work. */
const LIMIT_MS = 240_000;

const { trial, world } = await makeNamedTrial();
const right = await world.serve((socket) => socket.end("the right one"));
const wrong = await world.serve((socket) => socket.end("the wrong one"));
const datagrams = await world.serveDatagrams("a datagram");
world.names.set("right.example.org", [world.address]);
world.names.set("wrong.example.org", [world.address]);

test("from a machine the granted one of two servers is reached by its name, and nothing else is", {
  skip,
}, async () => {
  const allow = [
    `{ to: "right.example.org:${right}", private: yes }`,
    `{ to: "right.example.org:${datagrams}/udp", private: yes }`,
  ];
  deployWithRules(trial, world, "one", `{ answer: subset, allow: [${allow.join(", ")}] }`, "vm");
  const refused = [
    `tcp:right.example.org:${wrong}`,
    `tcp:203.0.113.7:${right}`,
    `tcp:${world.address}:${right}`,
    `tcp:2001:db8::7:${right}`,
    "tcp:169.254.169.254:80",
  ];
  // That nobody takes a datagram is not told into a machine.
  const unheard = ["udp:203.0.113.7:53"];
  const seen = await tryInside(
    trial,
    "one",
    [
      `tcp:right.example.org:${right}`,
      `udp:right.example.org:${datagrams}`,
      "name:right.example.org",
      `tcp:wrong.example.org:${wrong}`,
      ...refused,
      ...unheard,
    ],
    LIMIT_MS,
  );
  assert.equal(seen[`tcp:right.example.org:${right}`], "the right one");
  assert.equal(seen[`udp:right.example.org:${datagrams}`], "a datagram");
  assert.match(seen["name:right.example.org"] ?? "", /^198\.1[89]\.\S+ fd53:6b65:7279::\S+$/);
  assert.equal(seen[`tcp:wrong.example.org:${wrong}`], "no such name");
  for (const target of refused) assert.equal(seen[target], "ECONNREFUSED", target);
  for (const target of unheard) assert.equal(seen[target], "silence", target);
  const named = [
    "wrong.example.org (name)",
    `right.example.org:${wrong}/tcp`,
    `203.0.113.7:${right}/tcp`,
    `[2001:db8::7]:${right}/tcp`,
    "169.254.169.254:80/tcp",
    "203.0.113.7:53/udp",
  ];
  await until(
    "records of what was refused",
    async () => {
      const { stdout } = await trial.skerry(["audit", "--json"]);
      const records = stdout.split("\n").filter((line) => line.includes('"net-refused"') && line.includes('"one"'));
      return named.every((to) => records.some((line) => line.includes(`"to":"${to}"`))) ? true : undefined;
    },
    LIMIT_MS,
  );
  assert.ok(!world.asked.has("wrong.example.org"), "what is not granted is asked of nobody");
});

/** Says again and again, in one line, what becomes of both names. */
const TRY = `
import socket, time
def tried(name):
    try:
        return socket.create_connection((name, ${right}), 60).recv(100).decode()
    except OSError as error:
        return type(error).__name__
while True:
    print(tried("right.example.org"), "|", tried("wrong.example.org"), flush=True)
    time.sleep(0.5)
`;

test("in a machine that runs, what is granted and revoked is in force at once, also under the next agent", {
  skip,
}, async () => {
  const rule = (name: string) => `{ answer: subset, allow: [{ to: "${name}.example.org:${right}", private: yes }] }`;
  deployWithRules(trial, world, "live", rule("right"), "vm");
  await done(trial, ["start", "--quiet", "live", "--", "-c", `exec python3 -c '${TRY}'`], { timeoutMs: LIMIT_MS });
  const says = async (wanted: string) =>
    await until(
      wanted,
      async () => (await done(trial, ["logs", "live"])).stdout.trim().split("\n").at(-1) === wanted,
      LIMIT_MS,
    );
  await says("the right one | gaierror");
  const file = `${trial.home}/config/deployments/live.yaml`;
  writeFileSync(file, readFileSync(file, "utf8").replace(/^ {2}network: .*$/m, `  network: ${rule("wrong")}`));
  assert.match((await done(trial, ["apply", "live"])).stdout, /live now gets/);
  await says("gaierror | the right one");
  await killAgent(trial);
  // What was under way in the machine may first have to come to its end there.
  const stdout = await until(
    "something that the next agent let through",
    async () => {
      const shown = (await done(trial, ["net", "live", "--json"])).stdout;
      const value: { readonly targets: readonly { readonly to: string; readonly allowed: boolean }[] } =
        JSON.parse(shown);
      return value.targets.some(({ to, allowed }) => allowed && to === `wrong.example.org:${right}/tcp`) && shown;
    },
    LIMIT_MS,
  );
  assert.doesNotMatch(stdout, /passt/, "which program asked is not known, and is not said");
  await done(trial, ["kill", "live"]);
});
