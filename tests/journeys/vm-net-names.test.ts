/**
 * Names through a net VM: a machine reaches what its rules name once it has asked for it, at the port that they name. What
 * another machine was told is not for it, and a name that leads to a private network stays shut unless its rule says so.
 */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { makeTwoNetworks, SKERRY, whyNoNetworks } from "./network.fixture.ts";
import { lacksForMachines, makeTrial } from "./trial.fixture.ts";

const skip = lacksForMachines() === false ? (whyNoNetworks() ?? false) : lacksForMachines();
const trial = makeTrial();
after(async () => await trial.close());

const [FIRST, SECOND, PRIVATE] = ["198.51.100.10", "203.0.113.10", "10.99.0.1"];

/**
 * What a try says: the address that the server was reached at, or why it was not; `none` for a name without an address. What
 * has one is found as soon as the net VM, which may still boot, says so.
 */
const WORDS = `try() { (exec 3<>/dev/tcp/$1/\${2:-7777} && timeout \${3:-60} head -c 40 <&3) 2>&1 | sed '$!d; s/.*: //'; }
ask() { getent ahostsv4 "$1" | sed 's/ .*//; q' | grep . || echo none; }
find() { for again in {1..60}; do [ "$(ask "$1")" = none ] || break; sleep 1; done; ask "$1"; }`;

function deploy(name: string, recipe: string, rest: string): void {
  mkdirSync(`${trial.home}/config/deployments`, { recursive: true });
  const path = `${trial.home}/config/deployments/${name}.yaml`;
  writeFileSync(path, `skerry: deployment/1\nrecipe: ${recipe}\nisolation: vm\n${rest}`);
}

function deployBehind(name: string, ...rules: readonly string[]): void {
  const request = "requests: { network: { service: network, why: to be tried } }\n";
  const network = `{ answer: subset, allow: [${rules.join(", ")}], through: net }`;
  deploy(name, "dev-shell", `${request}answers: { network: ${network} }\n`);
}

test("a machine reaches the names of its rules and nothing that others were told", { skip }, async () => {
  const networks = await makeTwoNetworks(trial);
  try {
    deploy("net", "net-vm", "answers: { network: { answer: real, allow: [lan] } }\n");
    const linesOf = async (name: string, ...tries: readonly string[]) => {
      const { code, stdout, stderr } = await networks.onHost([
        ...[SKERRY, "run", "-q", name, "--", "-c"],
        `${WORDS}; ${tries.map((one) => `echo "${one}: $(${one})"`).join("; ")}`,
      ]);
      assert.equal(code, 0, stderr);
      return Object.fromEntries(stdout.split("\n").map((line) => line.split(": ", 2)));
    };
    const shut = "No route to host";

    deployBehind("carl", '"skerry.test:7777"', '"private.skerry.test:7777"');
    const carl = await linesOf(
      ...(["carl", `try ${FIRST}`, "ask other.test", "ask below.skerry.test", "find skerry.test"] as const),
      ...[`try ${FIRST} `, `try ${FIRST} 22`, `try ${SECOND}`, "find private.skerry.test", `try ${PRIVATE}`],
      `try ${PRIVATE} 53`,
    );
    assert.deepEqual(carl, {
      "": undefined,
      [`try ${FIRST}`]: shut,
      "ask other.test": "none",
      "ask below.skerry.test": "none",
      "find skerry.test": FIRST,
      [`try ${FIRST} `]: FIRST,
      [`try ${FIRST} 22`]: shut,
      [`try ${SECOND}`]: shut,
      "find private.skerry.test": PRIVATE,
      [`try ${PRIVATE}`]: shut,
      [`try ${PRIVATE} 53`]: shut,
    });

    deployBehind("dora", '"*.wild.test:7777"', '{ to: "private.skerry.test:7777", private: yes }');
    const dora = await linesOf(
      ...(["dora", `try ${FIRST}`, "ask skerry.test", "ask wild.test", "find a.wild.test"] as const),
      ...[`try ${SECOND}`, "find private.skerry.test", `try ${PRIVATE}`, "try 100.127.0.1 5302"],
      "try 100.127.0.1 5303 20",
    );
    assert.deepEqual(dora, {
      "": undefined,
      [`try ${FIRST}`]: shut,
      "ask skerry.test": "none",
      "ask wild.test": "none",
      "find a.wild.test": SECOND,
      [`try ${SECOND}`]: SECOND,
      "find private.skerry.test": PRIVATE,
      [`try ${PRIVATE}`]: PRIVATE,
      // Another one's resolver; at its own it is heard, and nothing comes without a question.
      "try 100.127.0.1 5302": shut,
      "try 100.127.0.1 5303 20": "",
    });

    deployBehind("carl", '"other.test:7777"');
    const anew = await linesOf("carl", `try ${FIRST}`, "ask skerry.test", "find other.test", `try ${SECOND}`);
    assert.deepEqual(anew, {
      "": undefined,
      [`try ${FIRST}`]: shut,
      "ask skerry.test": "none",
      "find other.test": SECOND,
      [`try ${SECOND}`]: SECOND,
    });
  } finally {
    await trial.client.call("Stop", { name: "net", graceMs: 60_000 });
    await trial.client.shutdown();
    await networks.close();
  }
});
