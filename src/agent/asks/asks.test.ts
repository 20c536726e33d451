import assert from "node:assert/strict";
import { test } from "node:test";
import { ASK_LIMITS, Asks, type Question, type Remembered, type Told } from "./asks.ts";

const STAYS = new AbortController().signal;

const QUESTION: Question = {
  instance: "viewer",
  compartment: "viewer.0badcafe",
  request: "internet",
  target: "example.org:443",
};

function made(remembered: readonly Remembered[] = []) {
  const told: Told[] = [];
  const kept: (readonly Remembered[])[] = [];
  const written: string[] = [];
  const clock = { now: Date.parse("2026-01-01T00:00:00Z"), alarms: new Set<() => void>() };
  let because: string | undefined;
  let full = false;
  const asks = new Asks(
    {
      now: () => clock.now,
      after: (_, act) => {
        clock.alarms.add(act);
        return () => void clock.alarms.delete(act);
      },
      record: async (_question, _id, about) => {
        if (full) return "the disk is full";
        told.push(about);
        return undefined;
      },
      keep: async (answers) => {
        kept.push(answers);
        return because;
      },
      writeDown: async ({ target }, allow) => {
        written.push(`${target} ${allow}`);
        return because;
      },
      show: () => {},
    },
    remembered,
  );
  const fill = (is: boolean) => (full = is);
  return { asks, told, kept, written, clock, fill, refuse: (words: string) => (because = words) };
}

/** Once it waits: what comes before is on its way. */
async function waiting(asks: Asks): Promise<string> {
  for (;;) {
    const [first] = asks.list();
    if (first !== undefined) return first.id;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("an answer once is for those who wait, and the next one asks again", async () => {
  const { asks, told } = made();
  const two = [asks.ask(QUESTION, STAYS), asks.ask(QUESTION, STAYS)];
  const id = await waiting(asks);
  assert.equal(asks.list().length, 1);
  assert.ok((await asks.answer(id, true, { kind: "once" })).ok);
  assert.deepEqual(await Promise.all(two), [true, true]);
  assert.deepEqual(told, [{ kind: "asked" }, { kind: "answered", allow: true, by: "owner", lifetime: "once" }]);
  void asks.ask(QUESTION, STAYS);
  await waiting(asks);
});

test("an answer for the session ends with the compartment", async () => {
  const { asks } = made();
  const first = asks.ask(QUESTION, STAYS);
  await asks.answer(await waiting(asks), true, { kind: "session" });
  assert.equal(await first, true);
  assert.equal(await asks.ask(QUESTION, STAYS), true);
  asks.forget(QUESTION.compartment);
  void asks.ask({ ...QUESTION, compartment: "viewer.1badcafe" }, STAYS);
  await waiting(asks);
});

test("an answer for a time holds over a restart of the agent, and no longer than its time", async () => {
  const { asks, kept } = made();
  const first = asks.ask(QUESTION, STAYS);
  await asks.answer(await waiting(asks), false, { kind: "until", time: "2026-01-01T01:00:00.000Z" });
  assert.equal(await first, false);
  const next = made(kept.at(-1));
  assert.equal(await next.asks.ask({ ...QUESTION, compartment: "viewer.1badcafe" }, STAYS), false);
  assert.deepEqual(next.told, []);
  next.clock.now = Date.parse("2026-01-01T01:00:00Z");
  void next.asks.ask(QUESTION, STAYS);
  await waiting(next.asks);
});

test("without an answer it is no, and a later answer is told that nothing waits", async () => {
  const { asks, told, clock } = made();
  const asked = asks.ask(QUESTION, STAYS);
  const id = await waiting(asks);
  for (const alarm of clock.alarms) alarm();
  assert.equal(await asked, false);
  assert.deepEqual(told.at(-1), { kind: "answered", allow: false, by: "time-limit", lifetime: "once" });
  assert.deepEqual(await asks.answer(id, true, { kind: "once" }), {
    ok: false,
    problem: { kind: "no-such-question", id },
  });
  assert.deepEqual(asks.list(), []);
});

test("where for ever cannot be written down it still waits, and both are on record", async () => {
  const { asks, told, written, refuse } = made();
  const asked = asks.ask(QUESTION, STAYS);
  const id = await waiting(asks);
  refuse("the file is not yours");
  const refused = await asks.answer(id, true, { kind: "for-ever" });
  assert.ok(!refused.ok && refused.problem.kind === "not-written-down");
  assert.deepEqual(told.slice(1), [
    { kind: "answered", allow: true, by: "owner", lifetime: "for-ever" },
    { kind: "answered", allow: false, by: "not-written-down", lifetime: "once" },
  ]);
  assert.equal(asks.list().length, 1);
  await asks.answer(id, true, { kind: "once" });
  assert.equal(await asked, true);
  assert.deepEqual(written, ["example.org:443 true"]);
});

test("an answer counts only if it is on record, whatever its time", async () => {
  const time = "2026-01-01T01:00:00.000Z";
  for (const lifetime of [
    { kind: "once" },
    { kind: "session" },
    { kind: "until", time },
    { kind: "for-ever" },
  ] as const) {
    const { asks, told, kept, written, fill } = made();
    const asked = asks.ask(QUESTION, STAYS);
    const id = await waiting(asks);
    fill(true);
    const refused = await asks.answer(id, true, lifetime);
    assert.ok(!refused.ok && refused.problem.kind === "answer-not-on-record");
    assert.deepEqual([told.length, kept, written, asks.list().length], [1, [], [], 1]);
    fill(false);
    assert.ok((await asks.answer(id, true, lifetime)).ok);
    assert.equal(await asked, true);
  }
});

test("an answer for a time that cannot be kept does not count", async () => {
  const { asks, refuse } = made();
  const asked = asks.ask(QUESTION, STAYS);
  const id = await waiting(asks);
  refuse("the disk is full");
  const refused = await asks.answer(id, true, { kind: "until", time: "2026-01-01T01:00:00.000Z" });
  assert.ok(!refused.ok && refused.problem.kind === "not-written-down");
  await asks.answer(id, false, { kind: "once" });
  assert.equal(await asked, false);
  void asks.ask(QUESTION, STAYS);
  await waiting(asks);
});

test("a question that cannot be put on record is not asked, and the answer is no", async () => {
  const { asks, told, fill } = made();
  fill(true);
  assert.equal(await asks.ask(QUESTION, STAYS), false);
  assert.deepEqual([told, asks.list()], [[], []]);
});

test("questions have a limit for each instance, and others do not feel it", async () => {
  const { asks, told } = made();
  for (let count = 0; count < ASK_LIMITS.waiting; count++)
    void asks.ask({ ...QUESTION, target: `${count}.example.org:443` }, STAYS);
  assert.equal(await asks.ask({ ...QUESTION, target: "one.too.many:443" }, STAYS), false);
  assert.deepEqual(told.at(-1), { kind: "answered", allow: false, by: "too-many", lifetime: "once" });
  void asks.ask({ ...QUESTION, instance: "other", compartment: "other.0badcafe" }, STAYS);
  assert.equal(asks.list().length, ASK_LIMITS.waiting + 1);
});

test("a question that nobody waits for any more is gone", async () => {
  const { asks } = made();
  const leaving = new AbortController();
  const asked = asks.ask(QUESTION, leaving.signal);
  await waiting(asks);
  leaving.abort();
  assert.equal(await asked, false);
  assert.deepEqual(asks.list(), []);
});

test("what a compartment was asked for ends with it", async () => {
  const { asks } = made();
  const asked = asks.ask(QUESTION, STAYS);
  await waiting(asks);
  asks.forget(QUESTION.compartment);
  assert.equal(await asked, false);
});
