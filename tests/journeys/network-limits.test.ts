/** Networks by name under an app that wants too much: its own limits end it, and nobody else's connections. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { until } from "./doors.fixture.ts";
import { deployWithRules, makeNamedTrial, NO_NAMED_NETWORKS, tryInside } from "./named-network.fixture.ts";
import type { Trial } from "./trial.fixture.ts";

const skip = NO_NAMED_NETWORKS;

const GREEDY = readFileSync(join(import.meta.dirname, "../hostile/network/greedy.py"), "utf8");

const { trial, world } = await makeNamedTrial();
const greeting = await world.serve((socket) => socket.end("hello"));
const holding = await world.serve((socket) => {
  socket.resume();
  socket.on("end", () => socket.end());
});
const endless = await world.serve((socket) => {
  const more = () => {
    while (socket.write(Buffer.alloc(65_536)));
  };
  socket.on("drain", more);
  more();
});
const deaf = await world.serve(() => {});
world.names.set("right.example.org", [world.address]);
for (const name of ["greedy", "modest"])
  deployWithRules(
    trial,
    world,
    name,
    `{ answer: subset, allow: [{ to: right.example.org, private: yes }, { to: "*.many.example.org", private: yes }] }`,
  );

/** Runs the greedy program in the background, and answers what it has seen once it says so. */
async function greedy(what: string, port: number): Promise<{ readonly seen: unknown; end(): Promise<void> }> {
  const app = trial.begin([
    "run",
    "--quiet",
    "greedy",
    "--",
    "-c",
    'exec python3 -c "$@"',
    "greedy",
    GREEDY,
    what,
    String(port),
  ]);
  let said = "";
  app.stdout?.on("data", (piece) => (said += String(piece)));
  app.stderr?.on("data", (piece) => (said += String(piece)));
  const ended = new Promise((resolve) => app.once("exit", resolve));
  const line = await until(`what ${what} comes to`, async () => {
    assert.equal(app.exitCode, null, said);
    return /^seen (.*)$/m.exec(said)?.[1];
  });
  return {
    seen: JSON.parse(line),
    async end() {
      app.stdin?.end();
      await ended;
    },
  };
}

async function othersAreServed(): Promise<void> {
  const target = `tcp:right.example.org:${greeting}`;
  assert.equal((await tryInside(trial, "modest", [target]))[target], "hello");
}

test("an app has at most a thousand connections, and others have theirs meanwhile", { skip }, async () => {
  const app = await greedy("hold", holding);
  assert.ok(typeof app.seen === "number" && app.seen > 0 && app.seen <= 1000, String(app.seen));
  await othersAreServed();
  await app.end();
});

test("a thousand names that are granted and a thousand that are not disturb nobody", { skip }, async () => {
  const app = await greedy("names", 0);
  assert.deepEqual(app.seen, { granted: 1000, absent: 1000 });
  await othersAreServed();
  await app.end();
  const { stdout } = await trial.skerry(["audit", "--json"]);
  const refused = stdout.split("\n").filter((line) => line.includes('"net-refused"') && line.includes("(name)"));
  assert.ok(refused.length < 500, `${refused.length} records`);
});

test("who does not read slows down who writes to him, and nothing is heaped up between them", { skip }, async () => {
  const app = await greedy("slow", endless);
  assert.ok(typeof app.seen === "number");
  const { pid } = await infoOf(trial);
  await othersAreServed();
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const resident = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
  assert.ok(resident < 400_000, `${resident} kB`);
  await app.end();
});

test("an app that writes to a server that does not read waits as it would without us", { skip }, async () => {
  const app = await greedy("push", deaf);
  assert.ok(typeof app.seen === "number" && app.seen < 64 * 1024 * 1024, String(app.seen));
  await othersAreServed();
  await app.end();
});

test("what is no question and no TLS ends itself alone", { skip }, async () => {
  const app = await greedy("garbage", 0);
  assert.equal(app.seen, "sent");
  await othersAreServed();
  await app.end();
});

async function infoOf({ client }: Trial): Promise<{ readonly pid: number }> {
  const info = await client.call<{ readonly pid?: number }>("Info", {});
  assert.ok(info.ok && info.value.pid !== undefined);
  return { pid: info.value.pid };
}
