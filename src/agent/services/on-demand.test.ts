import assert from "node:assert/strict";
import { test } from "node:test";
import type { AuditEvent } from "../../audit/index.ts";
import { NO_SERVICE } from "../../model/index.ts";
import { refusal, success } from "../../result.ts";
import { carefulDeployment, NO_WORDS, passingRecipe } from "../launch/wanted.ts";
import { type KnownStart, OnDemand, type OnDemandParts } from "./on-demand.ts";

const STOP_AFTER_MS = 60_000;

/** Instances as the agent would know them: `database` is there on demand. */
function world(change: Partial<OnDemandParts> = {}) {
  const running = new Map<string, KnownStart>();
  const events: AuditEvent[] = [];
  const state = { nowMs: 0, broughtUp: 0, shut: false, published: 0 };
  const recipe = passingRecipe("trial", { ...NO_WORDS, packages: ["trial"], arguments: ["trial"] });
  assert.ok(recipe.ok);
  const careful = carefulDeployment(recipe.value, "database");
  const run = (name: string, demanded: boolean) =>
    running.set(name, {
      record: { spec: { id: `${name}.1`, name }, ...(demanded ? { demanded } : {}) },
      state: "running",
      child: { pid: 1, startTicks: "1" },
    });
  const parts: OnDemandParts = {
    runs: (name) => running.get(name),
    all: () => [...running.values()],
    deployment: async (name) => {
      const onDemand = name === "database" ? { onDemand: { stopAfterMs: STOP_AFTER_MS } } : {};
      const links = name === "waits" ? [{ to: "database", port: undefined, as: undefined }] : [];
      return { ...careful, name, service: { ...NO_SERVICE, ...onDemand, links } };
    },
    isShut: () => state.shut,
    publishedConnections: () => state.published,
    bringUp: async (name) => {
      state.broughtUp += 1;
      await Promise.resolve();
      run(name, true);
      return success(undefined);
    },
    stop: async (name) => {
      await Promise.resolve();
      running.delete(name);
    },
    record: async (event) => {
      events.push(event);
    },
    now: () => state.nowMs,
    ...change,
  };
  return { onDemand: new OnDemand(parts), running, run, events, state };
}

test("who connects brings it up, once for all who come at the same time", async () => {
  const { onDemand, state } = world();
  const entered = await Promise.all([onDemand.enter("database"), onDemand.enter("database")]);
  assert.equal(state.broughtUp, 1);
  assert.ok(entered.every((one) => one?.app?.pid === 1));
});

test("an instance that is not there on demand, and one that its owner has stopped, stay down", async () => {
  const { onDemand, state } = world();
  assert.equal(await onDemand.enter("other"), undefined);
  state.shut = true;
  assert.equal(await onDemand.enter("database"), undefined);
  assert.equal(state.broughtUp, 0);
});

test("it is stopped when nobody has been connected for its time, and not before", async () => {
  const { onDemand, running, events, state } = world();
  const entered = await onDemand.enter("database");
  await onDemand.look();
  state.nowMs = 10 * STOP_AFTER_MS;
  await onDemand.look();
  assert.ok(running.has("database"), "somebody is connected");
  entered?.leave();
  entered?.leave();
  await onDemand.look();
  state.nowMs += STOP_AFTER_MS - 1;
  await onDemand.look();
  assert.ok(running.has("database"), "its time is not over");
  state.nowMs += 1;
  await onDemand.look();
  assert.ok(!running.has("database"));
  assert.deepEqual(events, [{ kind: "unused", instance: "database", id: "database.1", forMs: STOP_AFTER_MS }]);
  assert.ok(await onDemand.enter("database"), "who connects next brings it up again");
  assert.equal(state.broughtUp, 2);
});

test("a published port that is in use, and an instance that links to it without a port, keep it up", async () => {
  const { onDemand, running, run, state } = world();
  run("database", true);
  state.published = 1;
  for (const now of [0, STOP_AFTER_MS]) {
    state.nowMs = now;
    await onDemand.look();
  }
  assert.ok(running.has("database"));
  state.published = 0;
  run("waits", false);
  for (const now of [2, 3]) {
    state.nowMs = now * STOP_AFTER_MS;
    await onDemand.look();
  }
  assert.ok(running.has("database"));
  running.delete("waits");
  for (const now of [4, 5]) {
    state.nowMs = now * STOP_AFTER_MS;
    await onDemand.look();
  }
  assert.ok(!running.has("database"));
});

test("what its owner has started is never stopped", async () => {
  const { onDemand, running, run, state } = world();
  run("database", false);
  for (const now of [0, STOP_AFTER_MS, 2 * STOP_AFTER_MS]) {
    state.nowMs = now;
    await onDemand.look();
  }
  assert.ok(running.has("database"));
});

test("one who connects while it is being stopped waits, and brings it up again", async () => {
  let stopped = () => {};
  const { onDemand, running, state } = world({
    stop: async (name) => {
      await new Promise<void>((resolve) => (stopped = resolve));
      running.delete(name);
    },
  });
  (await onDemand.enter("database"))?.leave();
  await onDemand.look();
  state.nowMs = STOP_AFTER_MS;
  const looked = onDemand.look();
  await new Promise<void>((resolve) => setImmediate(resolve));
  const entering = onDemand.enter("database");
  stopped();
  await looked;
  assert.equal((await entering)?.app?.pid, 1);
  assert.equal(state.broughtUp, 2);
});

test("why it could not be brought up is on record", async () => {
  const { onDemand, events } = world({
    bringUp: async () => refusal({ kind: "interrupted" }),
  });
  assert.equal(await onDemand.enter("database"), undefined);
  assert.equal(events[0]?.kind, "not-brought-up");
});
