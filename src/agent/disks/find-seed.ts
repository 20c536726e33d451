/**
 * Find seed: the disk with data for cloud-init, from the owner's word and file (NoCloud).
 *
 * The file is handed on as it is, and is not understood here: what it says is for the system to judge. It is written anew for
 * each start, outside of the folder that the machine can write.
 */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { findPath } from "../../host/index.ts";
import { seedIso } from "../../image/index.ts";
import { type CloudInit, type Contribution, isWithin, type OwnSystem, SEED_DISK } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import type { Step } from "../../step/index.ts";

/** What cloud-init takes of a file without asking for parts of it. */
export const USER_DATA_BYTES = 256 * 1024;

/** In the folder of an instance's machine, beside what that can write. */
export const SEED_FILE = "seed.iso";

export interface SeedProblem {
  readonly kind: "bad-seed";
  readonly deployment: string;
  readonly file: string;
  readonly because: "not-there" | "no-file" | "skerrys" | "unreadable" | "too-large";
}

export interface Seed {
  readonly disk: Extract<Contribution, { readonly kind: "disk" }>;
  readonly steps: readonly Step[];
}

export async function findSeed(
  { userData, hostName }: CloudInit,
  { devices }: Pick<OwnSystem, "devices">,
  of: { readonly deployment: string; readonly instance: string; readonly machineId: string; readonly folder: string },
  ownFolders: readonly string[],
): Promise<Result<Seed, SeedProblem>> {
  const read = userData === undefined ? success(NOTHING) : await readUserData(userData, of.deployment, ownFolders);
  if (!read.ok) return read;
  const path = `${of.folder}/${SEED_FILE}`;
  const name = hostName ?? of.instance;
  // Another machine id is another instance to cloud-init: what it does once, it does again.
  const metaData = `instance-id: ${of.instance}-${of.machineId}\nlocal-hostname: ${name}\n`;
  const content = seedIso(SEED_DISK, [
    { name: "meta-data", content: Buffer.from(metaData) },
    { name: "user-data", content: read.value },
  ]);
  return success({
    disk: {
      ...({ kind: "disk", name: SEED_DISK, access: "read", file: { path, format: "raw" } } as const),
      as: devices === "virtio" ? "disk" : "cdrom",
    },
    // Its folder is shut to others; whoever the machine is started as must be able to read it.
    steps: [{ kind: "write-file", path, mode: 0o644, content }],
  });
}

/** Without any cloud-init would not know that there is data. */
const NOTHING = Buffer.from("#cloud-config\n{}\n");

async function readUserData(
  file: string,
  deployment: string,
  ownFolders: readonly string[],
): Promise<Result<Buffer, SeedProblem>> {
  const bad = (because: SeedProblem["because"]) => refusal({ kind: "bad-seed", deployment, file, because } as const);
  const { real: path, type } = await findPath(file);
  if (path === undefined) return bad("not-there");
  if (type !== "file") return bad("no-file");
  if (ownFolders.some((folder) => isWithin(path, folder))) return bad("skerrys");
  const opened = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    () => undefined,
  );
  if (opened === undefined) return bad("unreadable");
  try {
    if (!(await opened.stat()).isFile()) return bad("no-file");
    const { buffer, bytesRead } = await opened.read(Buffer.alloc(USER_DATA_BYTES + 1), 0, USER_DATA_BYTES + 1, 0);
    return bytesRead > USER_DATA_BYTES ? bad("too-large") : success(buffer.subarray(0, bytesRead));
  } finally {
    await opened.close();
  }
}
