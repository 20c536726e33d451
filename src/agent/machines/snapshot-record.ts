/**
 * Snapshot record: what is known of a snapshot, beside its files, and by which its files are known again.
 *
 * Whoever has taken over a VMM can write into the memory of its template. That changes the file's time, which no one but
 * root can set. Invariant: only files that are what they were, to the last of these numbers, are used.
 */
import { lstatSync, statfsSync } from "node:fs";

/** `lstat` of a file; numbers as text, since they are larger than JSON's. */
export interface Identity {
  readonly device: string;
  readonly inode: string;
  readonly bytes: string;
  readonly modified: string;
  readonly changed: string;
}

export interface SnapshotRecord {
  readonly skerry: "snapshot/1";
  readonly deployment: string;
  /** ISO time, UTC. */
  readonly made: string;
  readonly vmm: { readonly version: string; readonly program: string; readonly identity: Identity };
  readonly memory: Identity;
  readonly state: Identity;
}

const RECORD_BYTES_LIMIT = 64 * 1024;

/** @returns undefined where there is no plain file of one name */
export function identityOf(path: string): Identity | undefined {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (found === undefined || !found.isFile() || found.nlink !== 1n) return undefined;
  return {
    device: String(found.dev),
    inode: String(found.ino),
    bytes: String(found.size),
    modified: String(found.mtimeNs),
    changed: String(found.ctimeNs),
  };
}

/** A program of the host's may have several names. */
export function programIdentity(path: string): Identity | undefined {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (found === undefined) return undefined;
  return {
    ...{ device: String(found.dev), inode: String(found.ino), bytes: String(found.size) },
    ...{ modified: String(found.mtimeNs), changed: "" },
  };
}

/** Bytes that a file really takes. */
export function takenBy(path: string): number {
  return (lstatSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * 512;
}

export function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/** Our own file; what does not read as one is none. */
export function readSnapshotRecord(text: string | undefined): SnapshotRecord | undefined {
  if (text === undefined || text.length > RECORD_BYTES_LIMIT) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is SnapshotRecord {
  return (
    hasTexts(value, ["deployment", "made"]) &&
    value["skerry"] === "snapshot/1" &&
    isIdentity(value["memory"]) &&
    isIdentity(value["state"]) &&
    hasTexts(value["vmm"], ["version", "program"]) &&
    isIdentity(value["vmm"]["identity"])
  );
}

function isIdentity(value: unknown): boolean {
  return hasTexts(value, ["device", "inode", "bytes", "modified", "changed"]);
}

function hasTexts(value: unknown, names: readonly string[]): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const entries = new Map(Object.entries(value));
  return names.every((name) => typeof entries.get(name) === "string");
}

export function sameIdentity(left: Identity | undefined, right: Identity): boolean {
  return left !== undefined && JSON.stringify(ordered(left)) === JSON.stringify(ordered(right));
}

function ordered({ device, inode, bytes, modified, changed }: Identity): readonly string[] {
  return [device, inode, bytes, modified, changed];
}
