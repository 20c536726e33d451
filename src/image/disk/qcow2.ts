/**
 * qcow2: what the head of a disk image says, read as if a stranger had made it. Pure.
 *
 * Source: QEMU's docs/interop/qcow2.txt. Such a file may name other files of the host's: one that lies below it, or one
 * that holds its content. Who opens it would open those as well, so both are said and never followed.
 *
 * Invariants
 * - Nothing is read outside of the bytes that were given, and no number of the file's is believed beyond its limit.
 * - What is not known here is refused: a feature that must be known, an extension of a key, a version.
 */
import { type Result, refusal, success } from "../../result.ts";

/** Of a file, as many bytes as the head can have: it lies in the first cluster. */
export const HEAD_BYTES = 64 * 1024;

export interface Qcow2Head {
  readonly virtualBytes: number;
  readonly clusterBytes: number;
  /** Named as the image below. */
  readonly backing: string | undefined;
  /** Its content lies in another file. */
  readonly externalData: boolean;
  readonly snapshots: number;
  /** Where their table is. */
  readonly snapshotsAt: number;
  /** Place and length of the table of tables, in bytes; its entries say where the image's content lies. */
  readonly tables: { readonly at: number; readonly bytes: number };
  /** Entries of the tables themselves: twice as long where parts of clusters are counted. */
  readonly entryBytes: 8 | 16;
  /** Up to here the file must reach, as far as the head says. */
  readonly leastBytes: number;
}

export interface NoQcow2 {
  readonly kind: "no-qcow2";
  readonly because: string;
}

const MAGIC = 0x51_46_49_fb;
const MOST_BYTES = 64 * 1024 ** 4;
const MOST_SNAPSHOTS = 65_536;
const NAME_BYTES_LIMIT = 1023;

/** Bits that must be known. A dirty image is repaired by who may write it, and can be read as it is. */
const DIRTY = 1n << 0n;
const CORRUPT = 1n << 1n;
const EXTERNAL_DATA = 1n << 2n;
const COMPRESSION = 1n << 3n;
const EXTENDED_TABLES = 1n << 4n;
const KNOWN = DIRTY | CORRUPT | EXTERNAL_DATA | COMPRESSION | EXTENDED_TABLES;

const VERSION_2_BYTES = 72;
const VERSION_3_BYTES = 104;

const EXTENSION_END = 0;
const EXTENSION_EXTERNAL_DATA = 0x44_41_54_41;
const MOST_EXTENSIONS = 64;

export function isQcow2(head: Buffer): boolean {
  return head.length >= 4 && head.readUInt32BE(0) === MAGIC;
}

/** @param head - the file's first bytes, HEAD_BYTES or all that there are */
export function readQcow2(head: Buffer): Result<Qcow2Head, NoQcow2> {
  if (head.length < VERSION_2_BYTES) return no("it ends within its first bytes");
  if (!isQcow2(head)) return no("it does not begin as a qcow2 image does");
  const version = head.readUInt32BE(4);
  if (version !== 2 && version !== 3) return no(`its version is ${version}; 2 and 3 are known`);
  const clusterBits = head.readUInt32BE(20);
  if (clusterBits < 9 || clusterBits > 21) return no("the size of its clusters is impossible");
  const clusterBytes = 2 ** clusterBits;
  const virtualBytes = place(head, 24, MOST_BYTES);
  if (virtualBytes === undefined || virtualBytes === 0 || virtualBytes % 512 !== 0)
    return no("the size of its disk is impossible");
  if (head.readUInt32BE(32) !== 0) return no("it is encrypted");
  const features = version === 3 ? readFeatures(head, clusterBytes) : success(PLAIN);
  if (!features.ok) return features;
  const { headBytes, bits } = features.value;
  const backing = readBacking(head, clusterBytes);
  if (!backing.ok) return backing;
  const extensions = readExtensions(head.subarray(0, clusterBytes), headBytes);
  if (!extensions.ok) return extensions;
  const tables = readTables(head, clusterBytes, virtualBytes, (bits & EXTENDED_TABLES) !== 0n);
  if (!tables.ok) return tables;
  const snapshots = head.readUInt32BE(60);
  if (snapshots > MOST_SNAPSHOTS) return no(`it has ${snapshots} snapshots`);
  const snapshotsAt = place(head, 64, MOST_BYTES);
  if (snapshots > 0 && (snapshotsAt === undefined || snapshotsAt === 0 || snapshotsAt % clusterBytes !== 0))
    return no("its table of snapshots lies nowhere");
  return success({
    ...{ virtualBytes, clusterBytes, backing: backing.value, snapshots, snapshotsAt: snapshotsAt ?? 0 },
    ...tables.value,
    entryBytes: (bits & EXTENDED_TABLES) === 0n ? 8 : 16,
    externalData: (bits & EXTERNAL_DATA) !== 0n || extensions.value,
  });
}

const PLAIN = { headBytes: VERSION_2_BYTES, bits: 0n };

function readFeatures(head: Buffer, clusterBytes: number): Result<typeof PLAIN, NoQcow2> {
  if (head.length < VERSION_3_BYTES) return no("it ends within its first bytes");
  const bits = head.readBigUInt64BE(72);
  if ((bits & ~KNOWN) !== 0n) return no("it has a feature that is not known");
  if ((bits & CORRUPT) !== 0n) return no("it is marked as damaged");
  if (head.readUInt32BE(96) > 6) return no("its counts of references are impossible");
  const headBytes = head.readUInt32BE(100);
  if (headBytes < VERSION_3_BYTES || headBytes % 8 !== 0 || headBytes > Math.min(clusterBytes, head.length))
    return no("the length of its head is impossible");
  return success({ headBytes, bits });
}

function readBacking(head: Buffer, clusterBytes: number): Result<string | undefined, NoQcow2> {
  const at = place(head, 8, clusterBytes);
  const bytes = head.readUInt32BE(16);
  if (at === 0) return success(undefined);
  if (at === undefined || at < VERSION_2_BYTES || bytes === 0 || bytes > NAME_BYTES_LIMIT)
    return no("the name of the image below it is impossible");
  if (at + bytes > Math.min(clusterBytes, head.length)) return no("the name of the image below it lies outside");
  return success(head.toString("utf8", at, at + bytes));
}

/** @returns whether one of them names another file for the content */
function readExtensions(head: Buffer, from: number): Result<boolean, NoQcow2> {
  let at = from;
  let external = false;
  for (let count = 0; count < MOST_EXTENSIONS; count++) {
    // An image of the first version has none, and no mark of their end where the cluster ends.
    if (at + 8 > head.length) return success(external);
    const kind = head.readUInt32BE(at);
    const bytes = head.readUInt32BE(at + 4);
    if (kind === EXTENSION_END) return success(external);
    if (bytes > head.length - at - 8) return no("a part of its head is longer than the head");
    if (kind === EXTENSION_EXTERNAL_DATA) external = true;
    at += 8 + Math.ceil(bytes / 8) * 8;
  }
  return no("its head has too many parts");
}

function readTables(
  head: Buffer,
  clusterBytes: number,
  virtualBytes: number,
  extended: boolean,
): Result<Pick<Qcow2Head, "tables" | "leastBytes">, NoQcow2> {
  const count = head.readUInt32BE(36);
  const perTable = clusterBytes / (extended ? 16 : 8);
  const needed = Math.ceil(virtualBytes / clusterBytes / perTable);
  // As QEMU has it: 32 MiB of them.
  if (count < needed || count > (32 * 1024 * 1024) / 8) return no("its table of tables is too short or too long");
  const at = place(head, 40, MOST_BYTES);
  const counts = place(head, 48, MOST_BYTES);
  const countClusters = head.readUInt32BE(56);
  if (at === undefined || at === 0 || at % clusterBytes !== 0) return no("its table of tables lies nowhere");
  if (counts === undefined || counts === 0 || counts % clusterBytes !== 0 || countClusters === 0)
    return no("its counts of references lie nowhere");
  if (countClusters * clusterBytes > 8 * 1024 * 1024 + clusterBytes) return no("its counts of references are too long");
  const tables = { at, bytes: count * 8 };
  return success({ tables, leastBytes: Math.max(at + tables.bytes, counts + countClusters * clusterBytes) });
}

/** Of an entry, as two halves: the bits that say where something lies. */
const PLACE_HIGH = 0x00_ff_ff_ff;
const PLACE_LOW = 0xff_ff_fe_00;

/** Of an entry's first half: its cluster is packed, and its place has another form. */
const PACKED_HIGH = 0x40_00_00_00;

/** @returns the places that the entries of the table of tables name, those that name none left out */
export function* tablesIn(table: Buffer): Generator<number> {
  for (let at = 0; at + 8 <= table.length; at += 8) {
    const place = placeOf(table.readUInt32BE(at), table.readUInt32BE(at + 4));
    if (place !== 0) yield place;
  }
}

/**
 * In plain numbers, and without a list: there can be millions of entries.
 *
 * @returns the farthest place of content that a table names, 0 where it names none
 */
export function farthestIn(
  table: Buffer,
  { clusterBytes, entryBytes }: Pick<Qcow2Head, "clusterBytes" | "entryBytes">,
): number {
  // Above these bits stands how long the packed content is.
  const packedHigh = 2 ** (62 - (Math.log2(clusterBytes) - 8) - 32) - 1;
  let far = 0;
  for (let at = 0; at + entryBytes <= table.length; at += entryBytes) {
    const [high, low] = [table.readUInt32BE(at), table.readUInt32BE(at + 4)];
    const place = (high & PACKED_HIGH) === 0 ? placeOf(high, low) : (high & packedHigh) * 2 ** 32 + low;
    if (place > far) far = place;
  }
  return far;
}

/** Beyond what a number can hold exactly, it is beyond every file as well. */
function placeOf(high: number, low: number): number {
  return (high & PLACE_HIGH) * 2 ** 32 + ((low & PLACE_LOW) >>> 0);
}

/** A number of 8 bytes, undefined where it is above the limit. */
function place(head: Buffer, at: number, limit: number): number | undefined {
  const value = head.readBigUInt64BE(at);
  return value > BigInt(limit) ? undefined : Number(value);
}

function no(because: string): Result<never, NoQcow2> {
  return refusal({ kind: "no-qcow2", because });
}
