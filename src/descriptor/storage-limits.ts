/**
 * Storage limits: how fast a deployment may read and write, and how much it may keep. From text to value, and back.
 *
 * The least rates are those with which a machine still boots within minutes.
 */
import * as z from "zod";
import type { IoLimits, Limits } from "../model/index.ts";
import { quote } from "./complaint.ts";
import { bytesOf, diskSize, pattern, saying, sizeOf, wants } from "./schema-parts.ts";

const MEBIBYTE = 1024 * 1024;
const LEAST_BYTES = MEBIBYTE;
const MOST_BYTES = 1024 * 1024 * MEBIBYTE;
const LEAST_OPERATIONS = 100;
const MOST_OPERATIONS = 10_000_000;

const rate = z
  .string(wants("a rate such as 20 MiB/s"))
  .check(
    pattern(
      /^[1-9][0-9]{0,9} ?(MiB|GiB|TiB)\/s$/,
      (text) => `${quote(text)} is no rate. Write whole numbers of MiB/s, GiB/s or TiB/s, such as 20 MiB/s`,
    ),
  )
  .check(
    saying((text) => {
      const bytes = rateOf(text);
      if (bytes >= LEAST_BYTES && bytes <= MOST_BYTES) return undefined;
      return `${quote(text)} is out of range. A rate is 1 MiB/s to 1 TiB/s`;
    }),
  );

const operations = z
  .int(wants(`a whole number from ${LEAST_OPERATIONS} to ${MOST_OPERATIONS}`))
  .min(LEAST_OPERATIONS)
  .max(MOST_OPERATIONS);

const ioSchema = z
  .strictObject(
    {
      read: rate.optional().describe("1 MiB/s to 1 TiB/s"),
      write: rate.optional().describe("1 MiB/s to 1 TiB/s"),
      "read-ops": operations.optional().describe("Reads in a second, however large each is"),
      "write-ops": operations.optional().describe("Writes in a second, however large each is"),
    },
    wants("a map with the keys of io"),
  )
  .meta({ title: "io" })
  .refine((io) => Object.keys(io).length > 0, {
    error: "nothing is limited. Write read, write, read-ops or write-ops, or take io out",
  });

/** Keys of `limits`. */
export const STORAGE_KEYS = {
  io: ioSchema.optional().describe("How fast it reads and writes what lies on disks. Default: none"),
  disk: diskSize.optional().describe("Space that its own data may take, 1 MiB to 4 TiB. Default: none"),
};

interface StorageFile {
  readonly io?: z.output<typeof ioSchema> | undefined;
  readonly disk?: string | undefined;
}

export function toStorage({ io, disk }: StorageFile): Pick<Limits, "io" | "diskBytes"> {
  return {
    ...(io === undefined ? {} : { io: toIo(io) }),
    ...(disk === undefined ? {} : { diskBytes: bytesOf(disk) }),
  };
}

function toIo(io: z.output<typeof ioSchema>): IoLimits {
  const { read, write, "read-ops": reads, "write-ops": writes } = io;
  return {
    ...(read === undefined ? {} : { readBytes: rateOf(read) }),
    ...(write === undefined ? {} : { writeBytes: rateOf(write) }),
    ...(reads === undefined ? {} : { readOperations: reads }),
    ...(writes === undefined ? {} : { writeOperations: writes }),
  };
}

function rateOf(text: string): number {
  return bytesOf(text.slice(0, -"/s".length));
}

/** Lines of a new deployment, below `limits:`. */
export function storageLines({ io, diskBytes }: Limits): readonly string[] {
  return [
    io === undefined ? "  # io: { read: 20 MiB/s, write: 10 MiB/s }" : `  io: { ${ioWords(io).join(", ")} }`,
    diskBytes === undefined ? "  # disk: 20 GiB" : `  disk: ${written(diskBytes)}`,
  ];
}

/** All that is written, one line each, for a person. */
export function limitWords(limits: Limits): readonly string[] {
  const { memoryBytes, tasks, cpuPercent, io, diskBytes } = limits;
  return [
    ...(memoryBytes === undefined ? [] : [`memory: ${written(memoryBytes)}`]),
    ...(tasks === undefined ? [] : [`tasks: ${tasks}`]),
    ...(cpuPercent === undefined ? [] : [`cpu: ${cpuPercent} %`]),
    ...(io === undefined ? [] : [`io: ${ioWords(io).join(", ")}; for all disks together, and for each folder`]),
    ...(diskBytes === undefined ? [] : [`disk: ${written(diskBytes)}`]),
  ];
}

function ioWords({ readBytes, writeBytes, readOperations, writeOperations }: IoLimits): readonly string[] {
  return [
    ...(readBytes === undefined ? [] : [`read: ${written(readBytes)}/s`]),
    ...(writeBytes === undefined ? [] : [`write: ${written(writeBytes)}/s`]),
    ...(readOperations === undefined ? [] : [`read-ops: ${readOperations}`]),
    ...(writeOperations === undefined ? [] : [`write-ops: ${writeOperations}`]),
  ];
}

function written(bytes: number): string {
  return sizeOf(bytes) ?? noSize(bytes);
}

function noSize(bytes: number): never {
  throw new Error(`a limit has whole KiB, not ${bytes} bytes`);
}
