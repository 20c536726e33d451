/** Networks of a virtual machine that are more than yes and no: what is asked for, what has an amount, and what is empty. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { done, recorded, until } from "./life.fixture.ts";
import { deployWithRules, makeNamedTrial, NO_NAMED_NETWORKS, tryInside } from "./named-network.fixture.ts";
import { endOf, lacksForMachines } from "./trial.fixture.ts";

const skip = lacksForMachines() === false ? NO_NAMED_NETWORKS : lacksForMachines();

/** Emulated, and on a machine with other work. */
const LIMIT_MS = 240_000;

const { trial, world } = await makeNamedTrial();
const shop = await world.serve((socket) => socket.end("served"));
const large = await world.serve((socket) => socket.end(Buffer.alloc(3_000_000)));
const steady = await world.serve((socket) => socket.end(Buffer.alloc(1_500_000)));
world.names.set("right.example.org", [world.address]);

/** For each server: how many bytes came, how it ended, and how many seconds it took. */
const TAKE = `
import errno, json, socket, sys, time
for port in map(int, sys.argv[1:]):
    count, how, began = 0, "end", time.monotonic()
    try:
        with socket.create_connection(("right.example.org", port), 200) as made:
            while piece := made.recv(65536):
                count += len(piece)
    except OSError as error:
        how = errno.errorcode.get(error.errno, str(error))
    print(json.dumps([count, how, time.monotonic() - began]), flush=True)
`;

interface Waiting {
  readonly id: string;
  readonly target: string;
}

test("a machine's connections wait for their owner's word, and have an amount and a speed", { skip }, async () => {
  const rule = (port: number, more: string) => `{ to: "right.example.org:${port}", private: yes, ${more} }`;
  const rules = [rule(shop, "answer: ask"), rule(large, "quota: 1 MB/day"), rule(steady, "rate: 500 kB/s")];
  deployWithRules(trial, world, "asking", `{ answer: subset, allow: [${rules.join(", ")}] }`, "vm");
  const ports = [shop, shop, large, large, steady].map(String);
  const app = endOf(
    trial.begin(["run", "-q", "asking", "--", "-c", 'exec python3 -c "$@"', "take", TAKE, ...ports]),
    LIMIT_MS,
  );
  let before = "";
  for (const word of ["allow", "deny"]) {
    const { id, target } = await until(
      `it is asked, to ${word}`,
      async () => {
        const asked: readonly Waiting[] = JSON.parse((await done(trial, ["asks", "--json"])).stdout);
        return asked.find((one) => one.id !== before);
      },
      LIMIT_MS,
    );
    assert.equal(target, `right.example.org:${shop}`);
    await done(trial, ["answer", id, word]);
    before = id;
  }
  const { code, stdout, stderr } = await app;
  assert.equal(code, 0, stderr);
  const lines = stdout.trim().split("\n");
  assert.equal(lines.length, 5, stdout);
  const [allowed, denied, whole, more, slow] = lines.map((line): readonly [number, string, number] => JSON.parse(line));
  assert.deepEqual(allowed?.slice(0, 2), [6, "end"]);
  assert.deepEqual(denied?.slice(0, 2), [0, "ECONNRESET"]);
  // What is cut off has gone no further than the amount, also at the second time.
  for (const cut of [whole, more]) assert.match(cut?.[1] ?? "", /^ECONN/, stdout);
  assert.ok((whole?.[0] ?? 0) + (more?.[0] ?? 0) <= 1_000_000, stdout);
  assert.deepEqual(slow?.slice(0, 2), [1_500_000, "end"]);
  // A busy host makes it slower only.
  assert.ok((slow?.[2] ?? 0) > 1, stdout);
  const told = (await recorded(trial, "asking")).filter(({ kind }) => kind === "answer");
  assert.deepEqual(
    told.map(({ facts }) => facts["allow"]),
    [true, false],
  );
});

test("in a machine's empty network every name resolves, and nothing answers", { skip }, async () => {
  deployWithRules(trial, world, "void", "empty", "vm");
  const targets = ["name:right.example.org", `tcp:right.example.org:${shop}`, `tcp:${world.address}:${shop}`];
  const seen = await tryInside(trial, "void", targets, LIMIT_MS);
  assert.match(seen["name:right.example.org"] ?? "", /^198\./);
  for (const target of targets.slice(1)) assert.equal(seen[target], "ECONNREFUSED", target);
});
