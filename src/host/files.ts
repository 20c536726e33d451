/** Files: how Skerry writes and reads its own. Whole or not at all, with limits, following no link at the end. */
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { chmod, lstat, mkdir, open, realpath, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** What Skerry reads of its own files at the most. */
export const READ_LIMIT_BYTES = 16 * 1024 * 1024;

/** Where a file of the owner's really is: written elsewhere, a link would become a file of its own. */
export async function behindLinks(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (hasCode(error, "ENOENT") || hasCode(error, "ENOTDIR")) return path;
    throw error;
  }
}

/** Writes what need not survive the machine itself, and may be gone after a crash of it; whole or not at all. */
export function writeVolatile(path: string, content: string | Uint8Array, mode: number): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${randomBytes(4).toString("hex")}.tmp`;
  try {
    writeFileSync(temporary, content, { mode, flag: "wx" });
    chmodSync(temporary, mode);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Writes a file so that whatever happens there is the old content or the new: temporary name, fsync, rename. */
export async function writeWhole(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  const temporary = `${path}.${randomBytes(4).toString("hex")}.tmp`;
  try {
    const file = await open(temporary, "wx", mode);
    try {
      await file.chmod(mode);
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export interface ReadOptions {
  readonly limitBytes?: number;
  /** At the end of the path. Only what the owner writes may be a link to where the owner keeps it. */
  readonly links?: "refused" | "followed";
}

/** @returns undefined where there is no such file; a fault for what is no plain file or too large */
export async function readTextIfThere(
  path: string,
  { limitBytes = READ_LIMIT_BYTES, links = "refused" }: ReadOptions = {},
): Promise<string | undefined> {
  // Small files of our own: to hand each step to another thread takes many times longer than the step.
  const noFollow = links === "refused" ? constants.O_NOFOLLOW : 0;
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | noFollow | constants.O_NONBLOCK);
  } catch (error) {
    if (hasCode(error, "ENOENT") || hasCode(error, "ENOTDIR")) return undefined;
    throw error;
  }
  try {
    const about = fstatSync(file);
    if (!about.isFile()) throw new Error(`${path} is no plain file`);
    if (about.size > limitBytes) throw new Error(`${path} has ${about.size} bytes; at most ${limitBytes} are read`);
    return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
}

/** When a file was last written: ISO time, UTC. */
export async function modifiedAt(path: string): Promise<string> {
  return (await lstat(path)).mtime.toISOString();
}

/** Names in a folder, sorted; none where there is no folder. */
export async function listIfThere(path: string): Promise<readonly string[]> {
  try {
    return readdirSync(path).toSorted();
  } catch (error) {
    if (hasCode(error, "ENOENT") || hasCode(error, "ENOTDIR")) return [];
    throw error;
  }
}

/** Makes a folder with exactly this mode and owner, or gives an existing one that mode and owner. */
export async function makeFolder(
  path: string,
  mode: number,
  owner?: { readonly uid: number; readonly gid: number },
): Promise<void> {
  mkdirSync(path, { recursive: true, mode });
  if (!lstatSync(path).isDirectory()) throw new Error(`${path} is no folder`);
  if (owner !== undefined) chownSync(path, owner.uid, owner.gid);
  chmodSync(path, mode);
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

/** Makes a folder that only this user can open. @returns false where somebody else has put something there */
export async function claimFolder(path: string, mode: number): Promise<boolean> {
  await mkdir(path, { recursive: true, mode });
  const about = await lstat(path);
  if (!about.isDirectory() || about.uid !== process.getuid?.()) return false;
  await chmod(path, mode);
  return true;
}
