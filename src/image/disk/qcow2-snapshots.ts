/**
 * Snapshots in a qcow2 image: what their table says, read as if a stranger had made it. Pure.
 *
 * Source: QEMU's docs/interop/qcow2.txt. A snapshot is a table of tables of its own; its content lies among the image's.
 *
 * Invariant: nothing is read outside of the bytes that were given, and no length of the file's is believed beyond its limit.
 */
import { type Result, refusal, success } from "../../result.ts";
import type { NoQcow2, Qcow2Head } from "./qcow2.ts";

export interface Qcow2Snapshot {
  readonly label: string;
  /** Whole seconds since 1970. */
  readonly seconds: number;
  /** Up to here the file must reach. */
  readonly leastBytes: number;
}

/** Of a table, as many bytes as are looked at: thousands of snapshots. */
export const SNAPSHOT_TABLE_BYTES = 1024 * 1024;

const ENTRY_BYTES = 40;
const EXTRA_BYTES_LIMIT = 1024;
const NAME_BYTES_LIMIT = 1023;

/** As QEMU has it: 32 MiB of entries of 8 bytes. */
const MOST_TABLES = (32 * 1024 * 1024) / 8;

/** @param table - from its place on: SNAPSHOT_TABLE_BYTES or all that there are */
export function readSnapshots(
  table: Buffer,
  { snapshots, clusterBytes }: Pick<Qcow2Head, "snapshots" | "clusterBytes">,
): Result<readonly Qcow2Snapshot[], NoQcow2> {
  const out: Qcow2Snapshot[] = [];
  let at = 0;
  for (let index = 0; index < snapshots; index++) {
    if (at + ENTRY_BYTES > table.length) return no("its table of snapshots is cut off, or too long");
    const tables = table.readBigUInt64BE(at);
    const count = table.readUInt32BE(at + 8);
    const [idBytes, nameBytes] = [table.readUInt16BE(at + 12), table.readUInt16BE(at + 14)];
    const extraBytes = table.readUInt32BE(at + 36);
    if (count > MOST_TABLES) return no("the table of a snapshot is too long");
    if (tables % BigInt(clusterBytes) !== 0n || tables >= 2n ** 46n) return no("the table of a snapshot lies nowhere");
    if (extraBytes > EXTRA_BYTES_LIMIT || nameBytes > NAME_BYTES_LIMIT || idBytes > NAME_BYTES_LIMIT)
      return no("a part of its table of snapshots is too long");
    const name = at + ENTRY_BYTES + extraBytes + idBytes;
    const end = name + nameBytes;
    if (end > table.length) return no("its table of snapshots is cut off, or too long");
    const label = table.toString("utf8", name, end);
    out.push({ label, seconds: table.readUInt32BE(at + 16), leastBytes: Number(tables) + count * 8 });
    at = Math.ceil(end / 8) * 8;
  }
  return success(out);
}

function no(because: string): Result<never, NoQcow2> {
  return refusal({ kind: "no-qcow2", because });
}
