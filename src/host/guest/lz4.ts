/**
 * Unpacks LZ4 in its first ("legacy") frame, in which kernels are packed. Pure.
 *
 * Every length and distance is checked before it is used; what does not fit is thrown as words for a person.
 * Source: lz4's doc/lz4_Frame_format.md ("Legacy frame") and doc/lz4_Block_format.md.
 */

/** What one block becomes at the most. */
const BLOCK_BYTES = 8 * 1024 * 1024;

export const LZ4_MAGIC = 0x184c2102;

export function unpackLz4(packed: Buffer, maxBytes: number): Buffer {
  if (packed.length < 8 || packed.readUInt32LE(0) !== LZ4_MAGIC) throw new Error("no LZ4 of the first form");
  const blocks: Buffer[] = [];
  let total = 0;
  // What follows the last block is shorter than one: kernels end with their unpacked size.
  for (let at = 4; at + 4 < packed.length; ) {
    const size = packed.readUInt32LE(at);
    at += 4;
    if (size === 0 || at + size > packed.length) throw new Error("a block of LZ4 ends half-way");
    const block = unpackBlock(packed.subarray(at, at + size));
    total += block.length;
    if (total > maxBytes) throw new Error(`LZ4 of more than ${maxBytes} bytes`);
    blocks.push(block);
    at += size;
  }
  return Buffer.concat(blocks);
}

export function unpackBlock(packed: Buffer): Buffer {
  const out = Buffer.allocUnsafe(BLOCK_BYTES);
  let [at, made] = [0, 0];
  const next = () => {
    const byte = packed[at++];
    if (byte === undefined) throw new Error("a block of LZ4 ends half-way");
    return byte;
  };
  const longer = (length: number) => {
    if (length < 15) return length;
    for (let more = 255; more === 255; length += more) more = next();
    return length;
  };
  while (at < packed.length) {
    const token = next();
    const literals = longer(token >> 4);
    if (at + literals > packed.length || made + literals > BLOCK_BYTES) throw new Error("a block of LZ4 is too long");
    packed.copy(out, made, at, at + literals);
    at += literals;
    made += literals;
    // The last sequence has literals only.
    if (at === packed.length) break;
    const distance = next() | (next() << 8);
    const length = longer(token & 15) + 4;
    if (distance === 0 || distance > made || made + length > BLOCK_BYTES)
      throw new Error("a block of LZ4 points outside of itself");
    // Byte by byte where it overlaps: what was just written is copied again.
    if (distance >= length) out.copy(out, made, made - distance, made - distance + length);
    else for (let index = 0; index < length; index++) out[made + index] = out[made + index - distance] ?? 0;
    made += length;
  }
  return Buffer.from(out.subarray(0, made));
}
