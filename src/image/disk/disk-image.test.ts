import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { MOST_NEW_BYTES, newQcow2 } from "./new-qcow2.ts";
import { readPartitions, TABLE_BYTES } from "./partitions.ts";
import { HEAD_BYTES, readQcow2, tablesIn } from "./qcow2.ts";

const MEBIBYTE = 1024 * 1024;
const QEMU_IMG = "/usr/bin/qemu-img";

function head(size = MEBIBYTE): Buffer {
  return newQcow2(size, undefined);
}

function because(image: Buffer): string {
  const read = readQcow2(image.subarray(0, HEAD_BYTES));
  return read.ok ? "it was read" : read.problem.because;
}

/** The head with another number at a place. */
function changed(at: number, value: bigint, bytes: 4 | 8 = 4): Buffer {
  const image = head();
  if (bytes === 8) image.writeBigUInt64BE(value, at);
  else image.writeUInt32BE(Number(value), at);
  return image;
}

test("a new image reads as what it was made as, whatever its size", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: MOST_NEW_BYTES / 512 }), fc.boolean(), (sectors, copied) => {
      const below = copied ? ({ path: "/vm/below-system", format: "raw" } as const) : undefined;
      const image = newQcow2(sectors * 512, below);
      const read = readQcow2(image.subarray(0, HEAD_BYTES));
      assert.ok(read.ok, JSON.stringify(read));
      const { virtualBytes, backing, externalData, snapshots, leastBytes } = read.value;
      assert.deepEqual([virtualBytes, backing, externalData, snapshots], [sectors * 512, below?.path, false, 0]);
      assert.ok(leastBytes <= image.length);
      assert.deepEqual(tablesIn(image.subarray(read.value.tables.at)), []);
    }),
  );
});

test("QEMU finds nothing wrong with a new image", (context) => {
  if (!existsSync(QEMU_IMG)) return context.skip("cannot here: qemu-img is not installed");
  const folder = mkdtempSync(join(tmpdir(), "skerry-qcow2-"));
  const file = join(folder, "new");
  for (const size of [512, 20 * 1024 * MEBIBYTE, MOST_NEW_BYTES]) {
    writeFileSync(file, newQcow2(size, undefined));
    const said: unknown = JSON.parse(
      execFileSync(QEMU_IMG, ["check", "-f", "qcow2", "--output=json", file], { encoding: "utf8" }),
    );
    assert.ok(typeof said === "object" && said !== null && "check-errors" in said);
    assert.deepEqual([said["check-errors"], "leaks" in said, "corruptions" in said], [0, false, false]);
  }
  writeFileSync(join(folder, "below"), Buffer.alloc(MEBIBYTE, 7));
  writeFileSync(file, newQcow2(MEBIBYTE, { path: join(folder, "below"), format: "raw" }));
  execFileSync(QEMU_IMG, ["compare", "-f", "qcow2", "-F", "raw", file, join(folder, "below")]);
  rmSync(folder, { recursive: true });
});

test("an image that names a file below it, or one with its content, is told by that", () => {
  const below = newQcow2(MEBIBYTE, { path: "/etc/shadow", format: "raw" });
  const read = readQcow2(below.subarray(0, HEAD_BYTES));
  assert.equal(read.ok && read.value.backing, "/etc/shadow");
  const external = readQcow2(changed(72, 4n, 8).subarray(0, HEAD_BYTES));
  assert.equal(external.ok && external.value.externalData, true);
  const named = head();
  named.writeUInt32BE(0x44_41_54_41, 112);
  named.writeUInt32BE(11, 116);
  named.write("/etc/shadow", 120);
  const byName = readQcow2(named.subarray(0, HEAD_BYTES));
  assert.equal(byName.ok && byName.value.externalData, true);
});

for (const [what, image, words] of [
  ["another version", changed(4, 4n), /version is 4/],
  ["no version", changed(4, 0n), /version is 0/],
  ["clusters that are too small", changed(20, 8n), /clusters is impossible/],
  ["clusters that are too large", changed(20, 63n), /clusters is impossible/],
  ["no size", changed(24, 0n, 8), /size of its disk/],
  ["a size beyond all", changed(24, 2n ** 64n - 512n, 8), /size of its disk/],
  ["a key", changed(32, 2n), /encrypted/],
  ["an unknown feature", changed(72, 1n << 63n, 8), /not known/],
  ["the mark of damage", changed(72, 2n, 8), /damaged/],
  ["impossible counts", changed(96, 7n), /counts of references/],
  ["a head beyond its cluster", changed(100, 2n ** 32n - 8n), /length of its head/],
  ["a head that ends in itself", changed(100, 8n), /length of its head/],
  ["a name below that lies outside", changed(8, 65_530n, 8), /image below/],
  ["a table that lies nowhere", changed(40, 0n, 8), /lies nowhere/],
  ["a table between clusters", changed(40, 513n, 8), /lies nowhere/],
  ["a table that is too short", changed(36, 0n), /too short or too long/],
  ["a table that is too long", changed(36, 2n ** 32n - 1n), /too short or too long/],
  ["counts without a place", changed(48, 0n, 8), /counts of references lie nowhere/],
  ["counts that are too long", changed(56, 2n ** 32n - 1n), /too long/],
  ["snapshots without end", changed(60, 2n ** 32n - 1n), /snapshots/],
  ["a part longer than its head", changed(112, 0xffff_ffff_ffff_ffffn, 8), /longer than the head/],
] as const)
  test(`an image with ${what} is refused`, () => assert.match(because(image), words));

test("whatever bytes there are, an image is read within them or refused", () => {
  const start = head().subarray(0, 4096);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 20 }),
      fc.nat(4096),
      fc.uint8Array({ maxLength: 200 }),
      (changes, length, noise) => {
        const image = Buffer.from(start);
        for (const [at, value] of changes) image.writeUInt8(value, at);
        for (const bytes of [image.subarray(0, length), Buffer.from(noise)]) {
          const read = readQcow2(bytes);
          if (!read.ok) continue;
          const { virtualBytes, leastBytes, tables, backing = "" } = read.value;
          assert.ok(Number.isSafeInteger(virtualBytes) && Number.isSafeInteger(leastBytes) && backing.length <= 1023);
          assert.ok(tables.bytes <= 32 * MEBIBYTE);
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test("a disk's tables say how far it reaches, and nothing else of them is believed", () => {
  const disk = Buffer.alloc(TABLE_BYTES);
  assert.equal(readPartitions(disk), undefined);
  disk.writeUInt16LE(0xaa_55, 510);
  assert.equal(readPartitions(disk), undefined);
  disk.writeUInt8(0x83, 446 + 4);
  disk.writeUInt32LE(2048, 446 + 8);
  disk.writeUInt32LE(4096, 446 + 12);
  assert.deepEqual(readPartitions(disk), { kind: "mbr", leastBytes: 6144 * 512 });
  // An extended partition that leads to itself.
  disk.writeUInt8(0x05, 462 + 4);
  disk.writeUInt32LE(1, 462 + 8);
  disk.writeUInt32LE(1, 462 + 12);
  assert.deepEqual(readPartitions(disk), { kind: "mbr", leastBytes: 6144 * 512 });
  disk.write("EFI PART", 512);
  disk.writeBigUInt64LE(9999n, 512 + 32);
  assert.deepEqual(readPartitions(disk), { kind: "gpt", leastBytes: 10_000 * 512 });
  disk.writeBigUInt64LE(2n ** 64n - 1n, 512 + 32);
  assert.equal(readPartitions(disk)?.kind, "mbr");
});

test("whatever tables there are, they are read without a fault", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 0, maxLength: TABLE_BYTES }), (noise) => {
      const disk = Buffer.from(noise);
      if (disk.length >= 512) disk.writeUInt16LE(0xaa_55, 510);
      if (disk.length >= TABLE_BYTES && (noise[0] ?? 0) % 2 === 0) disk.write("EFI PART", 512);
      const read = readPartitions(disk);
      assert.ok(read === undefined || Number.isSafeInteger(read.leastBytes));
    }),
  );
});
