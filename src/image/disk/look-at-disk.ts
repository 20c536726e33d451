/**
 * Look at disk: whether a file can be a system's disk, from its bytes, before any other program opens it.
 *
 * Invariants
 * - The format is the owner's word. What a file looks like is only ever a reason to refuse.
 * - A file that names another one is refused, whoever would open it.
 * - How much is read is bounded.
 */
import type { Disk, DiskFormat } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import { CATALOG_BYTES, DESCRIPTORS, readCatalog, readIso, type Starts } from "./iso.ts";
import { readPartitions } from "./partitions.ts";
import { farthestIn, HEAD_BYTES, isQcow2, type Qcow2Head, readQcow2, tablesIn } from "./qcow2.ts";
import { type Qcow2Snapshot, readSnapshots, SNAPSHOT_TABLE_BYTES } from "./qcow2-snapshots.ts";

/** An open file. */
export interface Readable {
  readonly bytes: number;
  /** Fewer at the file's end. */
  read(at: number, bytes: number): Promise<Buffer>;
}

export interface LookedAt {
  readonly virtualBytes: number;
  readonly backing: string | undefined;
  readonly snapshots: readonly Qcow2Snapshot[];
  /** Nothing was ever written to it. */
  readonly blank: boolean;
  /** Of a CD; undefined where it is not known. */
  readonly starts: Starts | undefined;
}

export type DiskFault =
  | { readonly fault: "no-image"; readonly because: string }
  | { readonly fault: "names-another"; readonly other: string | undefined }
  | { readonly fault: "cut-off"; readonly leastBytes: number; readonly bytes: number }
  | { readonly fault: "looks-like"; readonly format: DiskFormat };

export interface BadDisk {
  readonly kind: "bad-disk-image";
  readonly fault: DiskFault;
}

/** Of a table of tables, the tables that are read: enough for a disk of 32 TiB in common clusters. */
const MOST_TABLES = 65_536;

/** Of tables, in all. */
const MOST_TABLE_BYTES = 512 * 1024 * 1024;

type Wanted = Pick<Disk, "as" | "written"> & {
  readonly format: DiskFormat;
  /** The one file that it may name as lying below it. */
  readonly below?: string;
};

export async function lookAtDisk(file: Readable, wanted: Wanted): Promise<Result<LookedAt, BadDisk>> {
  const head = await file.read(0, Math.min(HEAD_BYTES, file.bytes));
  if (wanted.format === "qcow2") return await lookAtQcow2(file, head, wanted.below);
  return wanted.as === "cdrom" ? await lookAtCd(file, head, wanted) : lookAtRaw(file, head, wanted);
}

async function lookAtCd(file: Readable, head: Buffer, wanted: Wanted): Promise<Result<LookedAt, BadDisk>> {
  const raw = lookAtRaw(file, head, wanted);
  if (!raw.ok) return raw;
  const iso = readIso(await file.read(DESCRIPTORS.at, DESCRIPTORS.bytes));
  // Whoever has written the format may know of a kind of CD that we do not.
  if (iso === undefined)
    return wanted.written ? raw : bad({ fault: "no-image", because: "it has no file system of a CD" });
  const { catalogAt, udf } = iso;
  const leastBytes = Math.max(iso.leastBytes, catalogAt === undefined ? 0 : catalogAt + CATALOG_BYTES);
  if (leastBytes > file.bytes) return bad({ fault: "cut-off", leastBytes, bytes: file.bytes });
  const { bios, uefi } = readCatalog(
    catalogAt === undefined ? Buffer.alloc(0) : await file.read(catalogAt, CATALOG_BYTES),
  );
  return success({ ...raw.value, starts: { bios, uefi: uefi || udf } });
}

const UNKNOWN = { blank: false, starts: undefined };

function lookAtRaw({ bytes }: Readable, head: Buffer, { as, written }: Wanted): Result<LookedAt, BadDisk> {
  if (bytes < 512) return bad({ fault: "no-image", because: "it has less than one sector" });
  if (!written && isQcow2(head)) return bad({ fault: "looks-like", format: "qcow2" });
  const leastBytes = as === "disk" ? (readPartitions(head)?.leastBytes ?? 0) : 0;
  if (leastBytes > bytes) return bad({ fault: "cut-off", leastBytes, bytes });
  return success({ virtualBytes: Math.ceil(bytes / 512) * 512, backing: undefined, snapshots: [], ...UNKNOWN });
}

async function lookAtQcow2(
  file: Readable,
  head: Buffer,
  below: string | undefined,
): Promise<Result<LookedAt, BadDisk>> {
  const read = readQcow2(head);
  if (!read.ok) return bad({ fault: "no-image", because: read.problem.because });
  const { virtualBytes, backing, externalData, snapshots, snapshotsAt, leastBytes } = read.value;
  if (externalData) return bad({ fault: "names-another", other: undefined });
  if (backing !== below) return bad({ fault: "names-another", other: backing });
  const kept = readSnapshots(await file.read(snapshotsAt, snapshots === 0 ? 0 : SNAPSHOT_TABLE_BYTES), read.value);
  if (!kept.ok) return bad({ fault: "no-image", because: kept.problem.because });
  const far = kept.value.reduce((most, one) => Math.max(most, one.leastBytes), leastBytes);
  const reached = await reach(file, read.value);
  const needed = Math.max(far, reached);
  if (needed > file.bytes) return bad({ fault: "cut-off", leastBytes: needed, bytes: file.bytes });
  const blank = reached === 0 && backing === undefined;
  return success({ virtualBytes, backing, snapshots: kept.value, blank, starts: undefined });
}

/** How far into the file its tables lead: 0 where there are none. */
async function reach(file: Readable, head: Qcow2Head): Promise<number> {
  const { tables, clusterBytes } = head;
  let far = 0;
  let left = Math.min(MOST_TABLES, Math.floor(MOST_TABLE_BYTES / clusterBytes));
  const seen = new Set<number>();
  for (const table of tablesIn(await file.read(tables.at, tables.bytes))) {
    if (seen.has(table)) continue;
    seen.add(table);
    far = Math.max(far, table + clusterBytes);
    if (far > file.bytes || left-- <= 0) return far;
    // A cluster in a file's last place need not be written to its end.
    const farthest = farthestIn(await file.read(table, clusterBytes), head);
    if (farthest > 0) far = Math.max(far, farthest + 1);
  }
  return far;
}

function bad(fault: DiskFault): Result<never, BadDisk> {
  return refusal({ kind: "bad-disk-image", fault });
}
