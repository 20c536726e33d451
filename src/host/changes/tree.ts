/**
 * Trees: folders held by descriptor, and steps of one name from there, as with openat(2).
 *
 * Invariants
 * - No symbolic link is ever followed: a folder is opened with O_NOFOLLOW, and every other call acts on a last name.
 * - A folder that is held stays the one that was looked at, whatever is renamed meanwhile.
 */
import { type BigIntStats, closeSync, constants, fsyncSync, lstatSync, openSync, readdirSync } from "node:fs";
import type { EntryType } from "./messages.ts";

const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

export class Folder {
  readonly fd: number;

  private constructor(fd: number) {
    this.fd = fd;
  }

  static at(path: string): Folder {
    return new Folder(openSync(path, FOLDER));
  }

  open(name: string): Folder {
    return new Folder(openSync(this.path(name), FOLDER));
  }

  /** A path for one call that does not follow a link at its end. */
  path(name: string): Buffer {
    return Buffer.concat([Buffer.from(`/proc/self/fd/${this.fd}/`), Buffer.from(name, "latin1")]);
  }

  find(name: string): BigIntStats | undefined {
    return lstatSync(this.path(name), { bigint: true, throwIfNoEntry: false });
  }

  names(): readonly string[] {
    return readdirSync(`/proc/self/fd/${this.fd}`, "latin1").toSorted();
  }

  sync(): void {
    fsyncSync(this.fd);
  }

  close(): void {
    closeSync(this.fd);
  }
}

/** Opens the folder that holds a path, does something with it and the last name, and closes it again. */
export function inParent<Value>(root: Folder, path: string, use: (parent: Folder, name: string) => Value): Value {
  const parts = path.split("/");
  const name = parts.pop() ?? "";
  let folder = root;
  try {
    for (const part of parts) {
      const next = folder.open(part);
      if (folder !== root) folder.close();
      folder = next;
    }
    return use(folder, name);
  } finally {
    if (folder !== root) folder.close();
  }
}

/** Overlayfs marks what is hidden by a device of number 0. */
export function isWhiteout(about: BigIntStats): boolean {
  return about.isCharacterDevice() && about.rdev === 0n;
}

export function typeOf(about: BigIntStats): EntryType {
  if (about.isDirectory()) return "folder";
  if (about.isSymbolicLink()) return "link";
  return about.isFile() ? "file" : "special";
}

/** Read, write and execute; who runs it gains nothing by it. */
export function modeOf(about: BigIntStats): number {
  return Number(about.mode & 0o777n);
}

export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
