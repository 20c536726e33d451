import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { lookAtDisk } from "./look-at-disk.ts";
import { MOST_NEW_BYTES, newQcow2 } from "./new-qcow2.ts";
import { readPartitions, TABLE_BYTES } from "./partitions.ts";
import { farthestIn, HEAD_BYTES, readQcow2, tablesIn } from "./qcow2.ts";

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
      assert.deepEqual([...tablesIn(image.subarray(read.value.tables.at))], []);
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

/** A file of which only these pieces are written; the rest reads as zeros. */
function sparse(bytes: number, pieces: ReadonlyMap<number, Buffer>) {
  let taken = 0;
  const read = async (at: number, wanted: number) => {
    const out = Buffer.alloc(Math.max(0, Math.min(wanted, bytes - at)));
    for (const [place, piece] of pieces)
      if (place < at + out.length && place + piece.length > at)
        piece.copy(
          out,
          Math.max(0, place - at),
          Math.max(0, at - place),
          Math.min(piece.length, at + out.length - place),
        );
    taken += out.length;
    return out;
  };
  return { bytes, read, taken: () => taken };
}

const AS_QCOW2 = { as: "disk", written: true, format: "qcow2" } as const;

test("of an image with a table of millions of tables, no more than a bounded part is read", async () => {
  const start = head();
  const most = 32 * MEBIBYTE;
  start.writeUInt32BE(most / 8, 36);
  start.writeBigUInt64BE(BigInt(MEBIBYTE), 40);
  const table = Buffer.alloc(most);
  for (let index = 0; index < most / 8; index++) table.writeBigUInt64BE(BigInt((1024 + index) * 65_536), index * 8);
  const pieces = new Map([
    [0, start],
    [MEBIBYTE, table],
  ]);
  const whole = sparse(2 ** 40, pieces);
  assert.ok((await lookAtDisk(whole, AS_QCOW2)).ok);
  assert.ok(whole.taken() <= 600 * MEBIBYTE, `${whole.taken()} bytes were read`);
  // Where the file ends before, it is told by the first that lies behind.
  const cut = sparse(MEBIBYTE + most, pieces);
  const looked = await lookAtDisk(cut, AS_QCOW2);
  assert.ok(!looked.ok && looked.problem.fault.fault === "cut-off");
  assert.ok(cut.taken() <= 40 * MEBIBYTE);
});

test("the farthest place of a table is found, packed or not, and beyond all numbers", () => {
  const of = (entry: bigint, clusterBytes = 65_536) => {
    const table = Buffer.alloc(64);
    table.writeBigUInt64BE(entry, 24);
    return farthestIn(table, { clusterBytes, entryBytes: 8 });
  };
  assert.equal(of(0n), 0);
  assert.equal(of((1n << 63n) | 0x1_2345_0000_0000n | 0x1ffn), 0x1_2345_0000_0000);
  // In clusters of 64 KiB, 54 bits are the place of what is packed, and the rest is how long it is.
  assert.equal(of((1n << 62n) | (3n << 54n) | 0x1_2345_6789n), 0x1_2345_6789);
  assert.equal(of((1n << 62n) | (1n << 60n) | 0x100n, 512), 2 ** 60 + 0x100, "in small clusters, 61 bits are");
  assert.ok(of(2n ** 64n - 1n) > 2 ** 53);
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 53n - 1n }), (place) => {
      assert.equal(of(place & ~0x1ffn), Number(place & 0x00ff_ffff_ffff_fe00n));
      assert.equal(of((1n << 62n) | place), Number(place));
    }),
  );
});

test("tables that lead to themselves, and to the head, end", async () => {
  const start = head();
  const table = Buffer.alloc(65_536);
  // The table of tables is a table of itself, and each of its places is the head.
  for (let at = 0; at < table.length; at += 16) {
    table.writeBigUInt64BE(BigInt(3 * 65_536), at);
    table.writeBigUInt64BE(1n << 63n, at + 8);
  }
  start.writeUInt32BE(table.length / 8, 36);
  table.copy(start, 3 * 65_536);
  const file = sparse(start.length, new Map([[0, start]]));
  assert.ok((await lookAtDisk(file, AS_QCOW2)).ok);
  assert.ok(file.taken() < MEBIBYTE);
});

test("a raw disk whose partitions reach behind its end is cut off, and what is no table says nothing", async () => {
  const asDisk = { as: "disk", written: false, format: "raw" } as const;
  const disk = Buffer.alloc(MEBIBYTE);
  const look = async (bytes = disk.length) => await lookAtDisk(sparse(bytes, new Map([[0, disk]])), asDisk);
  assert.ok((await look()).ok);
  disk.writeUInt16LE(0xaa_55, 510);
  disk.write("EFI PART", 512);
  disk.writeBigUInt64LE(40_000n, 512 + 32);
  const cut = await look();
  assert.ok(!cut.ok && cut.problem.fault.fault === "cut-off" && cut.problem.fault.leastBytes === 40_001 * 512);
  assert.ok((await look(40_001 * 512)).ok);
  // Numbers beyond any disk, and partitions of the old kind that fill all that can be said.
  disk.writeBigUInt64LE(2n ** 63n, 512 + 32);
  assert.ok((await look()).ok);
  for (const at of [446, 462, 478, 494]) {
    disk.writeUInt8(0x83, at + 4);
    disk.writeUInt32LE(0xffff_ffff, at + 8);
    disk.writeUInt32LE(0xffff_ffff, at + 12);
  }
  const far = await look();
  assert.ok(!far.ok && far.problem.fault.fault === "cut-off" && Number.isSafeInteger(far.problem.fault.leastBytes));
  for (const bytes of [0, 511]) assert.ok(!(await look(bytes)).ok, `${bytes} bytes`);
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
