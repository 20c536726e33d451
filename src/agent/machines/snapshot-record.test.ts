import assert from "node:assert/strict";
import {
  linkSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
  closeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { identityOf, readSnapshotRecord, sameIdentity, type SnapshotRecord } from "./snapshot-record.ts";

const folder = mkdtempSync(join(tmpdir(), "skerry-record-"));
after(() => rmSync(folder, { recursive: true }));

const IDENTITY = { device: "1", inode: "2", bytes: "3", modified: "4", changed: "5" };
const RECORD: SnapshotRecord = {
  ...({
    skerry: "snapshot/1",
    deployment: "one",
    made: "2026-01-01T00:00:00Z",
    memory: IDENTITY,
    state: IDENTITY,
  } as const),
  vmm: { version: "7.2.0", program: "/usr/bin/qemu", identity: IDENTITY },
};

test("a record reads as what was written, and everything else as none", () => {
  assert.deepEqual(readSnapshotRecord(JSON.stringify(RECORD)), RECORD);
  for (const text of [
    undefined,
    "",
    "null",
    "[]",
    "{",
    `{"skerry":"snapshot/2"}`,
    `${JSON.stringify(RECORD)}${" ".repeat(99_999)}`,
  ])
    assert.equal(readSnapshotRecord(text), undefined);
  for (const key of ["skerry", "deployment", "made", "memory", "state", "vmm"])
    assert.equal(readSnapshotRecord(JSON.stringify({ ...RECORD, [key]: 7 })), undefined, key);
  fc.assert(fc.property(fc.json(), (text) => readSnapshotRecord(text) === undefined));
});

test("a file that was written to, replaced or given its old time again is another one", () => {
  const path = join(folder, "memory");
  writeFileSync(path, "memory");
  const before = identityOf(path);
  assert.ok(before !== undefined && sameIdentity(identityOf(path), before));
  const file = openSync(path, "r+");
  writeSync(file, "M");
  closeSync(file);
  utimesSync(path, new Date(Number(before.modified) / 1e6), new Date(Number(before.modified) / 1e6));
  assert.ok(!sameIdentity(identityOf(path), before));
});

test("what is no plain file of one name is none", () => {
  const path = join(folder, "state");
  writeFileSync(path, "state");
  symlinkSync(path, join(folder, "link"));
  assert.equal(identityOf(join(folder, "link")), undefined);
  assert.equal(identityOf(folder), undefined);
  assert.equal(identityOf(join(folder, "nothing")), undefined);
  linkSync(path, join(folder, "other"));
  assert.equal(identityOf(path), undefined);
});
