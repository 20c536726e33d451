/**
 * New qcow2: an image in which nothing is written yet, as bytes: a disk of its own, or what differs from a file below.
 * Pure; no program is needed for it, and none looks at the file below.
 *
 * Four clusters: the head, the table of counts, the counts, the table of tables.
 */
import type { DiskFile } from "../../model/index.ts";

const CLUSTER_BITS = 16;
const CLUSTER_BYTES = 2 ** CLUSTER_BITS;
const HEAD_BYTES = 112;

/** The largest disk whose table of tables fits into one cluster. */
export const MOST_NEW_BYTES = (CLUSTER_BYTES / 8) * (CLUSTER_BYTES / 8) * CLUSTER_BYTES;

const EXTENSION_BACKING_FORMAT = 0xe2_79_2a_ca;

/**
 * @param virtualBytes - a multiple of 512, at most MOST_NEW_BYTES
 * @param below - where the file below is seen by who will open this one
 */
export function newQcow2(virtualBytes: number, below: DiskFile | undefined): Buffer {
  if (virtualBytes <= 0 || virtualBytes % 512 !== 0 || virtualBytes > MOST_NEW_BYTES)
    throw new Error(`no size of a disk: ${virtualBytes}`);
  const image = Buffer.alloc(4 * CLUSTER_BYTES);
  const tables = Math.ceil(virtualBytes / CLUSTER_BYTES / (CLUSTER_BYTES / 8));
  image.write("QFI\xfb", 0, "latin1");
  image.writeUInt32BE(3, 4);
  image.writeUInt32BE(CLUSTER_BITS, 20);
  image.writeBigUInt64BE(BigInt(virtualBytes), 24);
  image.writeUInt32BE(tables, 36);
  image.writeBigUInt64BE(BigInt(3 * CLUSTER_BYTES), 40);
  image.writeBigUInt64BE(BigInt(CLUSTER_BYTES), 48);
  image.writeUInt32BE(1, 56);
  // Counts of 16 bits.
  image.writeUInt32BE(4, 96);
  image.writeUInt32BE(HEAD_BYTES, 100);
  if (below !== undefined) {
    const format = Buffer.from(below.format);
    image.writeUInt32BE(EXTENSION_BACKING_FORMAT, HEAD_BYTES);
    image.writeUInt32BE(format.length, HEAD_BYTES + 4);
    format.copy(image, HEAD_BYTES + 8);
    // Behind it and its filling is the mark of the end, which is zeros.
    const at = HEAD_BYTES + 8 + 8 + 8;
    const name = Buffer.from(below.path);
    if (name.length === 0 || name.length > 1023) throw new Error(`no name of an image below: ${below.path}`);
    image.writeBigUInt64BE(BigInt(at), 8);
    image.writeUInt32BE(name.length, 16);
    name.copy(image, at);
  }
  image.writeBigUInt64BE(BigInt(2 * CLUSTER_BYTES), CLUSTER_BYTES);
  for (let cluster = 0; cluster < 4; cluster++) image.writeUInt16BE(1, 2 * CLUSTER_BYTES + 2 * cluster);
  return image;
}
