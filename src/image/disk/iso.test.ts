import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CD_SECTOR_BYTES, DESCRIPTORS, readCatalog, readIso } from "./iso.ts";
import { lookAtDisk } from "./look-at-disk.ts";
import { seedIso } from "./seed-iso.ts";

const AS_CD = { as: "cdrom", written: false, format: "raw" } as const;

function readable(image: Buffer) {
  let taken = 0;
  const read = async (at: number, bytes: number) => {
    const out = image.subarray(Math.min(at, image.length), Math.min(at + bytes, image.length));
    taken += out.length;
    return out;
  };
  return { bytes: image.length, read, taken: () => taken };
}

const plain = seedIso("label", [{ name: "readme", content: Buffer.from("text") }]);

/** Those that are started: the platform of each, in sections of their own behind the first. */
function catalogOf(first: number, ...rest: readonly number[]): Buffer {
  const out = Buffer.alloc(CD_SECTOR_BYTES);
  out.writeUInt8(1, 0);
  out.writeUInt8(first, 1);
  out.writeUInt16LE(0xaa_55, 30);
  out.writeUInt8(0x88, 32);
  for (const [index, platform] of rest.entries()) {
    const at = 64 + index * 64;
    out.writeUInt8(index === rest.length - 1 ? 0x91 : 0x90, at);
    out.writeUInt8(platform, at + 1);
    out.writeUInt16LE(1, at + 2);
    out.writeUInt8(0x88, at + 32);
  }
  return out;
}

/** With a catalog behind its end, or wherever its record says. */
function startable(catalog: Buffer, sector = plain.length / CD_SECTOR_BYTES): Buffer {
  const image = Buffer.concat([plain, catalog]);
  const record = 17 * CD_SECTOR_BYTES;
  image.fill(0, record, record + CD_SECTOR_BYTES);
  image.write("\0CD001\x01EL TORITO SPECIFICATION", record, "latin1");
  image.writeUInt32LE(sector, record + 71);
  return image;
}

async function starts(image: Buffer) {
  const looked = await lookAtDisk(readable(image), AS_CD);
  assert.ok(looked.ok, JSON.stringify(looked));
  return looked.value.starts;
}

test("what a CD can start is read for each firmware", async () => {
  assert.deepEqual(await starts(plain), { bios: false, uefi: false });
  assert.deepEqual(await starts(startable(catalogOf(0x00))), { bios: true, uefi: false });
  assert.deepEqual(await starts(startable(catalogOf(0xef))), { bios: false, uefi: true });
  assert.deepEqual(await starts(startable(catalogOf(0x00, 0xef))), { bios: true, uefi: true });
  assert.deepEqual(await starts(startable(catalogOf(0x00, 0x01, 0xef))), { bios: true, uefi: true });
  // BIOS takes the first or nothing.
  assert.deepEqual(await starts(startable(catalogOf(0xef, 0x00))), { bios: false, uefi: true });
  const off = catalogOf(0x00, 0xef);
  for (const at of [32, 64 + 32]) off.writeUInt8(0, at);
  assert.deepEqual(await starts(startable(off)), { bios: false, uefi: false });
  const unmarked = catalogOf(0x00);
  unmarked.writeUInt16LE(0, 30);
  assert.deepEqual(await starts(startable(unmarked)), { bios: false, uefi: false });
});

test("a CD with the file system of newer disks may hold a program for UEFI", async () => {
  const image = Buffer.concat([plain, Buffer.alloc(CD_SECTOR_BYTES)]);
  image.write("NSR02", 19 * CD_SECTOR_BYTES + 1);
  assert.deepEqual(await starts(image), { bios: false, uefi: true });
});

test("a CD without its end, with a list that lies behind it, or that is none, is told", async () => {
  const fault = async (image: Buffer, wanted = {}) => {
    const looked = await lookAtDisk(readable(image), { ...AS_CD, ...wanted });
    return looked.ok ? "it was read" : looked.problem.fault.fault;
  };
  assert.equal(await fault(plain), "it was read");
  assert.equal(await fault(plain.subarray(0, plain.length - 1)), "cut-off");
  assert.equal(await fault(startable(catalogOf(0), 0xffff_ffff)), "cut-off");
  assert.equal(await fault(Buffer.alloc(100_000)), "no-image");
  assert.equal(await fault(Buffer.alloc(100_000), { written: true }), "it was read");
  assert.equal(await fault(Buffer.alloc(1)), "no-image");
});

test("whatever stands on a CD, it is read without a fault, and little of it", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 4096 }),
      fc.nat({ max: 40 * CD_SECTOR_BYTES }),
      fc.boolean(),
      async (noise, at, named) => {
        const image = Buffer.concat([startable(catalogOf(0, 0xef)), Buffer.alloc(20 * CD_SECTOR_BYTES)]);
        image.set(noise.subarray(0, image.length - Math.min(at, image.length)), Math.min(at, image.length));
        const file = readable(image);
        await lookAtDisk(file, { ...AS_CD, written: named });
        assert.ok(file.taken() <= DESCRIPTORS.bytes + 2 * 1024 * 1024);
        readIso(Buffer.from(noise));
        readCatalog(Buffer.from(noise));
      },
    ),
  );
});
