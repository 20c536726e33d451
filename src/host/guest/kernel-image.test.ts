import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { kernelProgram } from "./kernel-image.ts";
import { LZ4_MAGIC, unpackBlock, unpackLz4 } from "./lz4.ts";

/** A block of literals and one repetition, as lz4's documents describe them. */
function block(literals: Buffer, distance: number, length: number, last: Buffer): Buffer {
  const lengths = (count: number) => {
    const out: number[] = [];
    for (let rest = count - 15; rest >= 0; rest -= 255) out.push(Math.min(rest, 255));
    return count < 15 ? [] : out;
  };
  const token = (Math.min(literals.length, 15) << 4) | Math.min(length - 4, 15);
  return Buffer.concat([
    ...[Buffer.from([token, ...lengths(literals.length)]), literals],
    Buffer.from([distance & 255, distance >> 8, ...lengths(length - 4)]),
    ...[Buffer.from([Math.min(last.length, 15) << 4, ...lengths(last.length)]), last],
  ]);
}

test("a repetition in LZ4 is copied from what was just unpacked", () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 600 }).map((all) => Buffer.from(all));
  fc.assert(
    fc.property(bytes, fc.integer({ min: 4, max: 2000 }), bytes, fc.nat(), (literals, length, last, where) => {
      const distance = (where % literals.length) + 1;
      const expected = [...literals];
      for (let index = 0; index < length; index++) expected.push(expected[expected.length - distance] ?? 0);
      expected.push(...last);
      assert.deepEqual(unpackBlock(block(literals, distance, length, last)), Buffer.from(expected));
    }),
  );
});

test("whatever is called LZ4 is unpacked or refused, within bounds", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const packed = Buffer.concat([Buffer.alloc(8), Buffer.from(bytes)]);
      packed.writeUInt32LE(LZ4_MAGIC, 0);
      packed.writeUInt32LE(bytes.length, 4);
      try {
        assert.ok(unpackLz4(packed, 1000).length <= 1000);
      } catch (error) {
        assert.match(String(error), /LZ4/);
      }
    }),
  );
});

/** A kernel as its boot protocol describes it: one sector of set-up, then what is packed. */
function bzImage(payload: Buffer): Buffer {
  const head = Buffer.alloc(1024);
  head[0x1f1] = 1;
  head.write("HdrS", 0x202, "latin1");
  head.writeUInt32LE(16, 0x248);
  head.writeUInt32LE(payload.length, 0x24c);
  return Buffer.concat([head, Buffer.alloc(16), payload]);
}

const none = async () => await Promise.reject(new Error("no program is needed for it"));
/** Nothing that gets much smaller. */
const noise = Buffer.from(Array.from({ length: 200 }, (_, index) => (index * index * 31 + index * 7) % 251));
const program = Buffer.concat([Buffer.from("\x7fELF", "latin1"), noise]);

test("the kernel's program comes out of the packed kernel", async () => {
  assert.deepEqual(await kernelProgram(bzImage(gzipSync(program)), none), program);
  const size = Buffer.alloc(4);
  const packed = Buffer.alloc(8);
  const literals = Buffer.concat([Buffer.from([0xf0, program.length - 15]), program]);
  packed.writeUInt32LE(LZ4_MAGIC, 0);
  packed.writeUInt32LE(literals.length, 4);
  assert.deepEqual(await kernelProgram(bzImage(Buffer.concat([packed, literals, size])), none), program);
});

test("what is no kernel is refused", async () => {
  await assert.rejects(kernelProgram(Buffer.alloc(2000), none), /no bzImage/);
  await assert.rejects(kernelProgram(bzImage(gzipSync(noise)), none), /no kernel of a known form/);
  await assert.rejects(kernelProgram(bzImage(Buffer.alloc(300, 1)), none), /not known here/);
  await assert.rejects(kernelProgram(bzImage(gzipSync(program)).subarray(0, 1100), none), /ends half-way/);
});
