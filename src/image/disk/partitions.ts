/**
 * Partitions: how far the tables at a disk's beginning say that it reaches, read as if a stranger had made them. Pure.
 *
 * Only to say of a file that its end is missing; nothing is found or opened by it. An extended partition of the old kind
 * leads from one table to the next, perhaps in a circle: none is followed.
 */

export const SECTOR_BYTES = 512;

/** Of a disk, as many bytes as are looked at. */
export const TABLE_BYTES = 2 * SECTOR_BYTES;

export interface Partitions {
  readonly kind: "gpt" | "mbr";
  /** The disk must have as many bytes, at least. */
  readonly leastBytes: number;
}

/** Sizes beyond are not believed. */
const MOST_SECTORS = 2n ** 43n;

/** @param head - the disk's first bytes */
export function readPartitions(head: Buffer): Partitions | undefined {
  if (head.length < SECTOR_BYTES || head.readUInt16LE(510) !== 0xaa_55) return undefined;
  return readGpt(head) ?? readMbr(head);
}

function readGpt(head: Buffer): Partitions | undefined {
  if (head.length < TABLE_BYTES || head.toString("latin1", 512, 520) !== "EFI PART") return undefined;
  // The second copy of the table is the disk's last sector.
  const last = head.readBigUInt64LE(512 + 32);
  return last === 0n || last >= MOST_SECTORS
    ? undefined
    : { kind: "gpt", leastBytes: (Number(last) + 1) * SECTOR_BYTES };
}

function readMbr(head: Buffer): Partitions | undefined {
  const ends = [446, 462, 478, 494].flatMap((at) => {
    const [kind, first, count] = [head.readUInt8(at + 4), head.readUInt32LE(at + 8), head.readUInt32LE(at + 12)];
    const used = kind !== 0 && count > 0 && (head.readUInt8(at) & 0x7f) === 0;
    // One of kind 0xee stands for a disk with the other table, and often reaches further than it.
    return used && kind !== 0xee ? [first + count] : [];
  });
  return ends.length === 0 ? undefined : { kind: "mbr", leastBytes: Math.max(...ends) * SECTOR_BYTES };
}
