import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Drop } from "../../host/monitor/frames.ts";
import { type Counts, DROP_WORDS, dueAt, readCounts, readTold, toldAfter, toldText, untold } from "./dropped-counts.ts";

const RUN = "0123456789abcdef";

function text(dropped: unknown, run: unknown = RUN, name = "ada"): string {
  return JSON.stringify({ run, ports: [{ name, passed: 1, dropped }] });
}

function counts(times: number, run = RUN): Counts {
  const read = readCounts(text({ "ipv4-source": times }, run));
  assert.ok(read !== undefined);
  return read;
}

test("each reason for which a frame is refused has its words; that there was no room is no refusal", () => {
  const reasons: Readonly<Record<Drop, boolean>> = {
    ...{ short: true, oversize: true, "source-mac": true, "not-for-provider": true, tagged: true },
    ...{ "other-protocol": true, "arp-malformed": true, "arp-sender": true, "ipv4-malformed": true },
    ...{ "ipv4-source": true, "dhcp-server": true, "ipv6-malformed": true, "ipv6-source": true },
    ...{ "router-advertisement": true, neighbour: true, "queue-full": false },
  };
  const refused = Object.entries(reasons).flatMap(([reason, is]) => (is ? [reason] : []));
  assert.deepEqual(Object.keys(DROP_WORDS).toSorted(), refused.toSorted());
});

test("what a monitor counts is told once, and from the beginning where a provider began anew", () => {
  const first = untold(counts(3), undefined);
  assert.deepEqual(first, [{ key: "ada ipv4-source", station: "ada", reason: "ipv4-source", times: 3 }]);
  const told = toldAfter(counts(3), undefined, first);
  assert.deepEqual(untold(counts(3), told), []);
  assert.deepEqual(
    untold(counts(5), told).map(({ times }) => times),
    [2],
  );
  assert.deepEqual(
    untold(counts(3, "fedcba9876543210"), told).map(({ times }) => times),
    [3],
  );
  assert.deepEqual(
    untold(counts(1), told).map(({ times }) => times),
    [1],
    "a port that was opened anew counts from nothing",
  );
});

test("whenever it is looked, and by however many agents: what is told adds up to what was dropped", () => {
  const looks = fc.array(fc.record({ more: fc.nat(5), due: fc.boolean(), killed: fc.boolean() }), { maxLength: 30 });
  fc.assert(
    fc.property(looks, (steps) => {
      let [count, sum] = [1, 0];
      let told: Counts | undefined;
      for (const { more, due, killed } of [...steps, { more: 0, due: true, killed: false }]) {
        count += more;
        const rows = due ? untold(counts(count), told) : [];
        for (const { times } of rows) sum += times;
        told = toldAfter(counts(count), told, rows);
        if (killed) told = readTold(toldText(told));
      }
      assert.equal(sum, count);
    }),
  );
});

test("a flood of frames is a record a minute, and no frame of it is forgotten", () => {
  const looks = fc.array(fc.record({ more: fc.nat(1000), pauseMs: fc.integer({ min: 500, max: 5000 }) }));
  fc.assert(
    fc.property(looks, (steps) => {
      const recorded = new Map<string, number>();
      const times: number[] = [];
      let [at, count, sum] = [0, 0, 0];
      let told: Counts | undefined;
      for (const { more, pauseMs } of steps) {
        at += pauseMs;
        count += more + 1;
        const rows = untold(counts(count), told);
        const due = dueAt(rows, recorded, at);
        for (const { key, times: added } of due) {
          recorded.set(key, at);
          times.push(at);
          sum += added;
        }
        told = toldAfter(counts(count), told, due);
      }
      assert.ok(times.every((time, index) => index === 0 || time - (times[index - 1] ?? 0) >= 60_000));
      if (count > 0) for (const { times: left } of untold(counts(count), told)) sum += left;
      assert.equal(sum, count);
    }),
  );
});

test("what no monitor of ours writes is nothing", () => {
  for (const one of [
    "",
    "[]",
    "null",
    '{"run":"0123456789abcdef"}',
    text({}, 7),
    text({}, "../../up"),
    text({ "ipv4-source": -1 }),
    text({ "ipv4-source": 1.5 }),
    text({ "ipv4-source": "1" }),
    text([]),
    text(null),
    text({}, RUN, "../up"),
    JSON.stringify({ run: RUN, ports: Array.from({ length: 254 }, () => ({ name: "ada", dropped: {} })) }),
  ])
    assert.equal(readCounts(one), undefined, one);
  assert.equal(readCounts(text({ "no reason of ours": 1, constructor: 2, "queue-full": 3 }))?.dropped.size, 0);
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (hostile) => {
      readCounts(hostile);
      readTold(hostile);
    }),
  );
});
