import assert from "node:assert/strict";
import { Socket } from "node:net";
import { test } from "node:test";
import { Doorway } from "./doorway.ts";

test("few connections are made at a time, in the order in which they came, and all are made", async () => {
  const begun: number[] = [];
  const finish: (() => void)[] = [];
  const doorway = new Doorway(async (port) => {
    begun.push(port);
    await new Promise<void>((resolve) => finish.push(resolve));
    return port % 2 === 0 ? new Socket() : undefined;
  });
  const all = Array.from({ length: 20 }, async (_, index) => await doorway.dial(index));
  assert.equal(begun.length, 8);
  while (finish.length > 0) {
    finish.shift()?.();
    // The next one begins once this one has ended.
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(finish.length <= 8);
  }
  assert.deepEqual(
    begun,
    Array.from({ length: 20 }, (_, index) => index),
  );
  const made = (await Promise.all(all)).filter((socket) => socket !== undefined);
  assert.equal(made.length, 10);
  for (const socket of made) socket.destroy();
});

test("a connection that cannot be made leaves its place to the next", async () => {
  const doorway = new Doorway(() => Promise.reject(new Error("no")));
  const all = await Promise.allSettled(Array.from({ length: 20 }, async () => await doorway.dial(1)));
  assert.ok(all.every(({ status }) => status === "rejected"));
});

test("who comes too fast is told so, and who leaves makes room", () => {
  const doorway = new Doorway(async () => await Promise.resolve(undefined));
  const entered = Array.from({ length: 2000 }, () => doorway.enter());
  const refused = entered.find(({ ok }) => !ok);
  assert.ok(refused !== undefined && !refused.ok && /new connections in a second/.test(refused.problem.because));
});
