/**
 * Replace: one change brought into the real folder, so that at any moment the old thing is there or the new one.
 *
 * Invariants
 * - Nothing of the app's is used but bytes, names, link targets and the permissions of owner, group and others: what is
 *   made belongs to whom the folder's things belong to, and has no set-id bit.
 * - What is replaced is what was looked at; if it is another thing by now, it stays.
 */
import { spawnSync } from "node:child_process";
import {
  type BigIntStats,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  futimesSync,
  lchownSync,
  mkdirSync,
  openSync,
  readlinkSync,
  readSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { changedBelow, type Found, identityOf, openFile } from "./compare.ts";
import { asideName, type Journal, newName, removeAll } from "./journal.ts";
import { codeOf, type Folder, inParent, modeOf } from "./tree.ts";

export interface Roots {
  readonly upper: Folder;
  readonly real: Folder;
}

export interface Work extends Roots {
  readonly journal: Journal;
  /** Numbers of what is moved aside, by path. */
  readonly asides: ReadonlyMap<string, number>;
  /** When the trees were looked at. */
  readonly comparedAt: bigint;
}

/** Another thing stands there than the one that was looked at. */
export class ChangedMeanwhile extends Error {}

export function replace(change: Found, work: Work): void {
  inParent(work.real, change.path, (parent, name) => {
    const old = parent.find(name);
    if (!isAsBefore(change, old)) throw new ChangedMeanwhile();
    const goes = change.kind === "removed" || change.kind === "retyped";
    if (goes && old?.isDirectory() === true && changedBelow(parent, name, old, work.comparedAt))
      throw new ChangedMeanwhile();
    if (change.kind === "removed") {
      takeAway(parent, name, old, () => asideOf(change, work));
      return;
    }
    if (change.kind === "mode") {
      setMode(parent, name, change, work);
      return;
    }
    const fresh = newName(work.journal);
    // One that failed may have left it.
    removeAll(parent, fresh);
    try {
      inParent(work.upper, change.path, (from, same) => make(from, same, parent, fresh, old));
      const aside = old !== undefined && (old.isDirectory() || change.type === "folder");
      if (aside) renameSync(parent.path(name), parent.path(asideOf(change, work)));
      renameSync(parent.path(fresh), parent.path(name));
      if (aside) removeAll(parent, asideOf(change, work));
    } catch (error) {
      removeAll(parent, fresh);
      throw error;
    }
  });
}

/** A folder counts by what it is, since its time changes with each entry that is put into it. */
function isAsBefore({ before }: Found, now: BigIntStats | undefined): boolean {
  if (before === undefined || now === undefined) return before === undefined && now === undefined;
  const { inode, changed } = identityOf(now);
  return inode === before.inode && (now.isDirectory() || changed === before.changed);
}

function asideOf({ path }: Found, { journal, asides }: Work): string {
  const index = asides.get(path);
  if (index === undefined) throw new Error("what is moved aside is not in the journal");
  return asideName(journal, index);
}

function takeAway(parent: Folder, name: string, old: BigIntStats | undefined, asideFor: () => string): void {
  if (old?.isDirectory() !== true) {
    unlinkSync(parent.path(name));
    return;
  }
  const aside = asideFor();
  renameSync(parent.path(name), parent.path(aside));
  removeAll(parent, aside);
}

function setMode(parent: Folder, name: string, { path, type }: Found, roots: Roots): void {
  const mode = inParent(roots.upper, path, (from, same) => modeOf(from.find(same) ?? gone(path)));
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | (type === "folder" ? constants.O_DIRECTORY : 0);
  const file = openSync(parent.path(name), flags | constants.O_NONBLOCK);
  try {
    // A folder's own special bits say how its owner shares it.
    const kept = type === "folder" ? fstatSync(file).mode & 0o7000 : 0;
    fchmodSync(file, mode | kept);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function gone(path: string): never {
  throw new Error(`${path} is no longer in the copy`);
}

function make(from: Folder, name: string, parent: Folder, fresh: string, old: BigIntStats | undefined): void {
  const now = from.find(name) ?? gone(name);
  const owner = ownerFor(parent, old);
  if (now.isDirectory()) {
    mkdirSync(parent.path(fresh), 0o700);
    const made = parent.open(fresh);
    try {
      if (owner !== undefined) fchownSync(made.fd, owner.uid, owner.gid);
      // In a folder that is shared by a group, so is what is made in it.
      fchmodSync(made.fd, modeOf(now) | (fstatSync(made.fd).mode & 0o2000));
    } finally {
      made.close();
    }
  } else if (now.isSymbolicLink()) {
    symlinkSync(readlinkSync(from.path(name), "buffer"), parent.path(fresh));
    if (owner !== undefined) lchownSync(parent.path(fresh), owner.uid, owner.gid);
  } else copyFile(from, name, parent, fresh, owner);
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Root gives what it makes to the owner of the folder that it is in; everybody else is the owner. Where another's file is
 * replaced it does not stay that one's: nobody but its owner could have written it so.
 */
function ownerFor(parent: Folder, old: BigIntStats | undefined): Owner | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const folder = parent.find(".");
  const about = old !== undefined && old.uid === folder?.uid ? old : folder;
  return about === undefined ? undefined : { uid: Number(about.uid), gid: Number(about.gid) };
}

/** An app can give a file a time that another file system cannot keep; then it is as old as it is. */
function keepTime(file: number, seconds: number): void {
  try {
    futimesSync(file, seconds, seconds);
  } catch (error) {
    if (!["EINVAL", "ERANGE", "EOVERFLOW"].includes(codeOf(error))) throw error;
  }
}

const COPIED_AT_ONCE = 1024 * 1024;

function copyFile(from: Folder, name: string, parent: Folder, fresh: string, owner: Owner | undefined): void {
  const source = openFile(from, name);
  try {
    const about = fstatSync(source, { bigint: true });
    if (!about.isFile()) throw new ChangedMeanwhile();
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const target = openSync(parent.path(fresh), flags, 0o600);
    try {
      if (about.blocks * 512n < about.size) copySparse(source, target);
      else copyBytes(source, target);
      if (owner !== undefined) fchownSync(target, owner.uid, owner.gid);
      fchmodSync(target, modeOf(about));
      keepTime(target, Number(about.mtimeMs) / 1000);
      fsyncSync(target);
    } finally {
      closeSync(target);
    }
  } finally {
    closeSync(source);
  }
}

function copyBytes(source: number, target: number): void {
  const piece = Buffer.alloc(COPIED_AT_ONCE);
  for (let length = readSync(source, piece); length > 0; length = readSync(source, piece)) {
    for (let done = 0; done < length; ) done += writeSync(target, piece, done, length - done);
  }
}

/** cp(1) finds the holes without reading them: a file of many tebibytes that holds nothing is copied as quickly. */
function copySparse(source: number, target: number): void {
  ftruncateSync(target);
  const end = spawnSync("/usr/bin/cp", ["--sparse=always", "--", "/proc/self/fd/3", "/proc/self/fd/4"], {
    stdio: ["ignore", "ignore", "pipe", source, target],
    encoding: "utf8",
  });
  if (end.status === 0) return;
  const words = end.stderr.trim().slice(0, 500);
  throw Object.assign(new Error(words), /No space left|quota/.test(words) ? { code: "ENOSPC" } : {});
}

/** For a person: the calls' own words name descriptors. */
export function wordsOf(error: unknown): string {
  const words: Readonly<Record<string, string>> = {
    EACCES: "may not be written by you",
    EPERM: "may not be written by you",
    EROFS: "lies on a file system that is read-only",
    EBUSY: "is in use as a place where something is mounted",
    ENOENT: "the folder that it lies in is gone",
    ENOTDIR: "the folder that it lies in is another thing by now",
    ELOOP: "the folder that it lies in is a link by now",
  };
  const code = codeOf(error);
  return words[code] ?? (code === "" && error instanceof Error ? error.message : `was refused (${code})`);
}

/** No room is left, for this and for all that comes behind. */
export function isFull(error: unknown): boolean {
  return ["ENOSPC", "EDQUOT"].includes(codeOf(error));
}
