import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Limits } from "../model/index.ts";
import { showComplaint } from "./complaint.ts";
import { parseDeployment } from "./deployment.ts";
import { limitWords, storageLines } from "./storage-limits.ts";

const MIB = 1024 * 1024;

function read(limits: string) {
  const text = `skerry: deployment/1\nrecipe: notes\nlimits:\n${limits}\n`;
  return parseDeployment(text, { name: "notes", file: "notes.yaml" }, { home: "/home/ada" });
}

function limitsOf(limits: string): Pick<Limits, "io" | "diskBytes"> {
  const parsed = read(limits);
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.problem.complaints.map((one) => showComplaint(one)).join("\n"));
  const { io, diskBytes } = parsed.value.limits;
  return { ...(io === undefined ? {} : { io }), ...(diskBytes === undefined ? {} : { diskBytes }) };
}

test("rates, operations and space are read in whole units", () => {
  assert.deepEqual(limitsOf("  io: { read: 20 MiB/s, write: 1GiB/s, read-ops: 500, write-ops: 100 }\n  disk: 3 GiB"), {
    io: { readBytes: 20 * MIB, writeBytes: 1024 * MIB, readOperations: 500, writeOperations: 100 },
    diskBytes: 3072 * MIB,
  });
  assert.deepEqual(limitsOf("  io: { write: 1 TiB/s }"), { io: { writeBytes: 1024 * 1024 * MIB } });
  assert.deepEqual(limitsOf("  tasks: 10"), {});
});

test("what is no rate, out of range or limits nothing is refused with its place", () => {
  for (const [wrong, says] of [
    ["io: { read: 20 }", /limits\.io\.read: expected a rate such as 20 MiB\/s/],
    ["io: { read: 20 MiB }", /is no rate/],
    ["io: { read: 20 MB/s }", /is no rate/],
    ["io: { read: 0 MiB/s }", /is no rate/],
    ["io: { read: 1e3 MiB/s }", /is no rate/],
    ["io: { read: 2 TiB/s }", /is out of range/],
    ["io: { write: 4096 GiB/s }", /is out of range/],
    ["io: { read-ops: 99 }", /limits\.io\.read-ops/],
    ["io: { write-ops: 1.5 }", /limits\.io\.write-ops/],
    ["io: { write-ops: 100000000 }", /limits\.io\.write-ops/],
    ["io: {}", /nothing is limited/],
    ["io: 20 MiB/s", /a map with the keys of io/],
    ["io: { reed: 20 MiB/s }", /reed: not a key of io/],
    ["disk: 5 TiB", /is out of range/],
    ["disk: 20 GB", /is no size of a disk/],
    ["disk: -1 GiB", /is no size of a disk/],
  ] as const) {
    const parsed = read(`  ${wrong}`);
    assert.ok(!parsed.ok, wrong);
    assert.match(parsed.problem.complaints.map((one) => showComplaint(one)).join("\n"), says, wrong);
  }
});

test("what is written is what is read again", () => {
  const rate = fc.integer({ min: 1, max: 1024 * 1024 }).map((mebibytes) => mebibytes * MIB);
  const count = fc.integer({ min: 100, max: 10_000_000 });
  const io = fc
    .record(
      { readBytes: rate, writeBytes: rate, readOperations: count, writeOperations: count },
      { requiredKeys: [], noNullPrototype: true },
    )
    .filter((one) => Object.keys(one).length > 0);
  const limits = fc.record({ io, diskBytes: rate }, { requiredKeys: [], noNullPrototype: true });
  fc.assert(
    fc.property(limits, (one) => {
      const lines = storageLines({ memoryBytes: undefined, tasks: undefined, cpuPercent: undefined, ...one });
      assert.deepEqual(limitsOf(["  tasks: 10", ...lines].join("\n")), one);
    }),
  );
});

test("what is written is told in the words of the file", () => {
  const io = { readBytes: 20 * MIB, writeOperations: 100 };
  assert.deepEqual(limitWords({ memoryBytes: 512 * MIB, tasks: 5, cpuPercent: 150, io, diskBytes: 2048 * MIB }), [
    ...["memory: 512 MiB", "tasks: 5", "cpu: 150 %"],
    "io: read: 20 MiB/s, write-ops: 100; for all disks together, and for each folder",
    "disk: 2 GiB",
  ]);
  assert.deepEqual(limitWords({ memoryBytes: undefined, tasks: undefined, cpuPercent: undefined }), []);
});
