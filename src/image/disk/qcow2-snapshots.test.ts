import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { lookAtDisk } from "./look-at-disk.ts";
import { newQcow2 } from "./new-qcow2.ts";
import { readSnapshots } from "./qcow2-snapshots.ts";

const QEMU_IMG = "/usr/bin/qemu-img";

async function lookAt(image: Buffer) {
  const read = async (at: number, bytes: number) => image.subarray(at, at + bytes);
  return await lookAtDisk({ bytes: image.length, read }, { as: "disk", written: true, format: "qcow2" });
}

/** One entry; what is not said of it is as QEMU writes it. */
function entry(label: string, { tables = 65_536n, count = 1, extra = 24, nameBytes = label.length } = {}): Buffer {
  const head = Buffer.alloc(40);
  head.writeBigUInt64BE(tables, 0);
  head.writeUInt32BE(count, 8);
  head.writeUInt16BE(1, 12);
  head.writeUInt16BE(nameBytes, 14);
  head.writeUInt32BE(1_700_000_000, 16);
  head.writeUInt32BE(extra, 36);
  const whole = Buffer.concat([head, Buffer.alloc(Math.min(extra, 4096)), Buffer.from(`1${label}`)]);
  return Buffer.concat([whole, Buffer.alloc((8 - (whole.length % 8)) % 8)]);
}

const clusterBytes = 65_536;

test("what QEMU has written is read: labels, in their order, and when", async (context) => {
  if (!existsSync(QEMU_IMG)) return context.skip("cannot here: qemu-img is not installed");
  const folder = mkdtempSync(join(tmpdir(), "skerry-snapshots-"));
  const file = join(folder, "disk");
  writeFileSync(file, newQcow2(1024 * 1024, undefined));
  for (const label of ["first", "second-one"]) execFileSync(QEMU_IMG, ["snapshot", "-c", label, file]);
  const looked = await lookAt(readFileSync(file));
  assert.ok(looked.ok, JSON.stringify(looked));
  assert.deepEqual(
    looked.value.snapshots.map(({ label }) => label),
    ["first", "second-one"],
  );
  for (const { seconds } of looked.value.snapshots) assert.ok(Math.abs(seconds - Date.now() / 1000) < 600);
  rmSync(folder, { recursive: true });
});

for (const [what, table, count, words] of [
  ["an entry less than it says", entry("one"), 2, /cut off/],
  ["a name beyond its end", entry("one", { nameBytes: 900 }), 1, /cut off/],
  ["a name beyond all", entry("one", { nameBytes: 60_000 }), 1, /too long/],
  ["a part beyond all", entry("one", { extra: 2 ** 32 - 1 }), 1, /too long/],
  ["a table of 32 GiB", entry("one", { count: 2 ** 32 - 1 }), 1, /too long/],
  ["a table between clusters", entry("one", { tables: 513n }), 1, /lies nowhere/],
  ["a table beyond all", entry("one", { tables: 2n ** 64n - 65_536n }), 1, /lies nowhere/],
  ["nothing", Buffer.alloc(0), 1, /cut off/],
] as const)
  test(`a table of snapshots with ${what} is refused`, () => {
    const read = readSnapshots(table, { snapshots: count, clusterBytes });
    assert.ok(!read.ok);
    assert.match(read.problem.because, words);
  });

test("an image whose snapshots lie behind its end is cut off, and one whose table lies nowhere is none", async () => {
  const image = Buffer.concat([newQcow2(1024 * 1024, undefined), Buffer.alloc(clusterBytes)]);
  image.writeUInt32BE(1, 60);
  image.writeBigUInt64BE(BigInt(4 * clusterBytes), 64);
  entry("kept", { tables: 3n * 65_536n }).copy(image, 4 * clusterBytes);
  const whole = await lookAt(image);
  assert.ok(whole.ok && whole.value.snapshots[0]?.label === "kept", JSON.stringify(whole));
  entry("kept", { tables: 90n * 65_536n }).copy(image, 4 * clusterBytes);
  const cut = await lookAt(image);
  assert.ok(!cut.ok && cut.problem.fault.fault === "cut-off");
  for (const at of [0n, 513n, 2n ** 63n, BigInt(900 * clusterBytes)]) {
    image.writeBigUInt64BE(at, 64);
    const astray = await lookAt(image);
    assert.ok(!astray.ok && astray.problem.fault.fault === "no-image", String(at));
  }
});

test("whatever the table holds, it is read within its bytes or refused", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 12 }),
      fc.nat(70_000),
      fc.uint8Array({ maxLength: 400 }),
      (changes, snapshots, noise) => {
        const table = Buffer.concat([entry("one"), entry("another")]);
        for (const [at, value] of changes) if (at < table.length) table.writeUInt8(value, at);
        for (const bytes of [table, Buffer.from(noise)]) {
          const read = readSnapshots(bytes, { snapshots: snapshots % 4, clusterBytes });
          if (!read.ok) continue;
          for (const { label, leastBytes } of read.value)
            assert.ok(label.length <= 1023 && Number.isSafeInteger(leastBytes));
          assert.ok(!readSnapshots(bytes, { snapshots: 60_000 + snapshots, clusterBytes }).ok);
        }
      },
    ),
    { numRuns: 1000 },
  );
});
