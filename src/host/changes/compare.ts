/**
 * Compare: what an app has changed in its copy of a folder, by the upper folder of the overlay and the real one below.
 *
 * What is the same in both is no change, however it came about: so whatever was applied already is found as done.
 * A change conflicts where the real folder was changed after the app's start, by the time of the last change that the
 * kernel keeps (ctime): programs cannot set it back.
 */
import { type BigIntStats, closeSync, constants, openSync, readlinkSync, readSync } from "node:fs";
import { isWithin } from "../../model/names.ts";
import { type Marks, readMarks } from "./marks.ts";
import { type Change, type ChangeKind, type Conflict, type KnownTimes, LIMITS } from "./messages.ts";
import { codeOf, Folder, isWhiteout, modeOf, typeOf } from "./tree.ts";

export interface Found extends Change {
  /** Of what is in the real folder, to see whether it is still that when it is replaced. */
  readonly before: Identity | undefined;
}

export interface Identity {
  readonly inode: bigint;
  readonly changed: bigint;
}

export interface Comparison {
  readonly changes: readonly Found[];
  /** Entries of the upper folder, not folders, that say nothing new: what is there already, marks that hide nothing. */
  readonly idle: readonly string[];
  /** All folders of the upper folder, the outer first. */
  readonly folders: readonly string[];
  readonly marks: ReadonlyMap<string, Marks>;
}

export interface Trees {
  /** Path of the upper folder. */
  readonly upper: string;
  /** Path of the real folder. */
  readonly real: string;
}

export interface CompareOptions {
  readonly known: KnownTimes;
  readonly hidden: readonly string[];
}

/** @returns undefined where there is more than is looked at */
export function compare({ upper, real }: Trees, { known, hidden }: CompareOptions): Comparison | undefined {
  const changes: Found[] = [];
  const idle: string[] = [];
  const folders: string[] = [];
  const entries = listEntries(upper);
  if (entries === undefined) return undefined;
  const marks = readMarks(upper, entries);

  const since = (path: string) =>
    BigInt(
      (Object.hasOwn(known.paths, path) ? known.paths[path] : undefined) ??
        (known.incomplete ? known.first : known.latest),
    );
  const note = (path: string, kind: ChangeKind, about: BigIntStats, more: Partial<Found> = {}) => {
    const bytes = about.isFile() ? Number(about.size) : 0;
    changes.push({ path, kind, type: typeOf(about), bytes, before: undefined, ...more });
  };

  const walk = (above: Folder, below: Folder | undefined, path: string, hidesAll: boolean) => {
    const names = above.names();
    for (const name of names) visit(above, below, name, path === "" ? name : `${path}/${name}`, hidesAll);
    // A folder that hides all that was there, and so do those in it: what is not in it again was removed.
    if (below === undefined || !hidesAll) return;
    for (const name of below.names().filter((each) => !names.includes(each)))
      removed(below, name, `${path}/${name}`, since(path));
  };

  const removed = (below: Folder, name: string, path: string, time: bigint) => {
    const old = below.find(name);
    if (old !== undefined)
      note(path, "removed", old, { ...conflictIf(changedBelow(below, name, old, time)), before: identityOf(old) });
  };

  const visit = (above: Folder, below: Folder | undefined, name: string, path: string, hidesAll: boolean) => {
    if (hidden.some((place) => isWithin(`/${path}`, `/${place}`))) return;
    const [now, old] = [above.find(name), below?.find(name)];
    if (now === undefined) return;
    if (isWhiteout(now)) {
      if (below === undefined || old === undefined) idle.push(path);
      else removed(below, name, path, since(path));
      return;
    }
    const time = since(path);
    const changed = conflictIf(isChangedSince(below, name, now, old, time));
    if (!now.isDirectory()) {
      visitFile(above, below, name, path, { now, old, changed });
      return;
    }
    const both = old?.isDirectory() === true;
    if (!marks.has(path)) {
      const unfit = `lies deeper than ${LIMITS.depth} folders, or its path is too long`;
      note(path, both ? "changed" : "added", now, { unfit });
      return;
    }
    const [inner, lower] = [openIfThere(above, name), both ? openIfThere(below, name) : undefined];
    if (typeof inner !== "object" || lower === "shut") {
      // While an app runs, what it has made goes again at any moment: then there is nothing to tell.
      if (inner !== undefined) note(path, "changed", now, { unfit: "cannot be looked at: you may not read it" });
      for (const open of [inner, lower]) if (typeof open === "object") open.close();
      return;
    }
    folders.push(path);
    if (!both) {
      if (old !== undefined) note(path, "retyped", now, { ...changed, before: identityOf(old) });
      // Overlayfs gives no folder of the lower tree another name.
      else note(path, "added", now, marks.get(path)?.copied === true ? { conflict: "removed-meanwhile" } : {});
    } else if (modeOf(now) !== modeOf(old)) note(path, "mode", now, { before: identityOf(old) });
    try {
      walk(inner, lower, path, hidesAll || marks.get(path)?.opaque === true);
    } finally {
      inner.close();
      lower?.close();
    }
  };

  const isChanged = (folder: Folder, inner: string) => {
    const { ctimeNs = 0n } = folder.find(".") ?? {};
    const path = inner.split("/").slice(0, -1).join("/");
    return ctimeNs >= since(inner) && (Object.hasOwn(known.own, path) ? known.own[path] : "") !== String(ctimeNs);
  };

  const visitFile = (
    above: Folder,
    below: Folder | undefined,
    name: string,
    path: string,
    {
      now,
      old,
      changed,
    }: { readonly now: BigIntStats; readonly old: BigIntStats | undefined; readonly changed: object },
  ) => {
    const unfit = typeOf(now) === "special" ? { unfit: "is a pipe or a socket, and cannot be applied" } : {};
    if (old === undefined || below === undefined) {
      // The app itself may have given it another name; then nobody has taken anything out of this folder.
      const taken = marks.get(path)?.copied === true && below !== undefined && isChanged(below, path);
      const gone = taken ? ({ conflict: "removed-meanwhile" } as const) : {};
      note(path, "added", now, { ...gone, ...unfit });
    } else if (typeOf(now) !== typeOf(old))
      note(path, "retyped", now, { ...changed, ...unfit, before: identityOf(old) });
    else if (isSame(above, below, name, now, old)) {
      if (now.isFile() && modeOf(now) !== modeOf(old)) note(path, "mode", now, { ...changed, before: identityOf(old) });
      else idle.push(path);
    } else note(path, "changed", now, { ...changed, ...unfit, before: identityOf(old) });
  };

  const [above, below] = [Folder.at(upper), Folder.at(real)];
  try {
    walk(above, below, "", false);
  } finally {
    above.close();
    below.close();
  }
  // What a folder holds comes right behind it.
  const key = ({ path }: Found) => path.replaceAll("/", "\0");
  changes.sort((one, other) => (key(one) < key(other) ? -1 : 1));
  return { changes, idle, folders, marks };
}

export function identityOf({ ino, ctimeNs }: BigIntStats): Identity {
  return { inode: ino, changed: ctimeNs };
}

function conflictIf(changed: boolean): { readonly conflict?: Conflict } {
  return changed ? { conflict: "changed-meanwhile" } : {};
}

/** Paths of all but the pipes and such of a folder, down to where it is too deep; undefined where there are too many. */
function listEntries(upper: string): readonly string[] | undefined {
  const all: string[] = [];
  const list = (folder: Folder, path: string, depth: number): boolean => {
    for (const name of folder.names()) {
      const inner = path === "" ? name : `${path}/${name}`;
      if (inner.length > LIMITS.path) continue;
      const about = folder.find(name);
      if (about === undefined) continue;
      if (all.length >= LIMITS.entries) return false;
      if (!about.isDirectory()) {
        all.push(inner);
        continue;
      }
      if (depth >= LIMITS.depth) continue;
      const next = openIfThere(folder, name);
      if (next === undefined || next === "shut") continue;
      all.push(inner);
      try {
        if (!list(next, inner, depth + 1)) return false;
      } finally {
        next.close();
      }
    }
    return true;
  };
  const root = Folder.at(upper);
  try {
    return list(root, "", 1) ? all : undefined;
  } finally {
    root.close();
  }
}

/** undefined where it is no more; `shut` where it may not be read. */
function openIfThere(parent: Folder | undefined, name: string): Folder | "shut" | undefined {
  try {
    return parent?.open(name);
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP"].includes(codeOf(error))) return undefined;
    if (["EACCES", "EPERM"].includes(codeOf(error))) return "shut";
    throw error;
  }
}

/** A folder changes with each entry in it; where one is to make way, what is in it counts. */
function isChangedSince(
  below: Folder | undefined,
  name: string,
  now: BigIntStats,
  old: BigIntStats | undefined,
  time: bigint,
): boolean {
  if (below === undefined || old === undefined || (now.isDirectory() && old.isDirectory())) return false;
  return changedBelow(below, name, old, time);
}

/** Whether anything but a folder was changed below, for a folder changes with each entry that is taken out of it. */
export function changedBelow(parent: Folder, name: string, about: BigIntStats, time: bigint, depth = 0): boolean {
  if (!about.isDirectory()) return about.ctimeNs >= time;
  // What cannot be looked at counts as changed.
  if (depth > LIMITS.depth) return true;
  let folder: Folder;
  try {
    folder = parent.open(name);
  } catch {
    return true;
  }
  try {
    return folder.names().some((inner) => {
      const found = folder.find(inner);
      return found !== undefined && changedBelow(folder, inner, found, time, depth + 1);
    });
  } finally {
    folder.close();
  }
}

const COMPARED_AT_ONCE = 1024 * 1024;

/** The same content; of two pipes or sockets, nothing can be said. */
function isSame(above: Folder, below: Folder, name: string, now: BigIntStats, old: BigIntStats): boolean {
  if (now.isSymbolicLink())
    return readlinkSync(above.path(name), "buffer").equals(readlinkSync(below.path(name), "buffer"));
  if (!now.isFile() || now.size !== old.size || now.size > BigInt(LIMITS.comparedBytes)) return false;
  let files: readonly number[] = [];
  try {
    files = [openFile(above, name)];
    files = [...files, openFile(below, name)];
    const [one, other] = [Buffer.alloc(COMPARED_AT_ONCE), Buffer.alloc(COMPARED_AT_ONCE)];
    for (;;) {
      const [left, right] = [readSync(files[0] ?? -1, one), readSync(files[1] ?? -1, other)];
      if (left !== right || !one.subarray(0, left).equals(other.subarray(0, right))) return false;
      if (left === 0) return true;
    }
  } catch (error) {
    // One that may not be read: that is told when it is to be applied.
    if (["EACCES", "ENOENT", "ELOOP"].includes(codeOf(error))) return false;
    throw error;
  } finally {
    for (const file of files) closeSync(file);
  }
}

/** Follows no link, and waits for no writer of a pipe that has come into its place. */
export function openFile(folder: Folder, name: string): number {
  return openSync(folder.path(name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
}
