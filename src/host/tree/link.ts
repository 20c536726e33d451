/**
 * Link: files of a new layer become hard links to equal ones of layers that are whole, so that they take no room.
 *
 * Equal is what no program could tell apart: content, mode, owner, time and attributes. The list of a layer says what a
 * file was when it was built; before a link is made the file is read again, so that a spoilt one spoils no other layer.
 *
 * Invariants
 * - Only the new tree is changed, and nobody else knows it yet.
 * - A link that cannot be made (another disk, too many links, a layer that goes) leaves the file as it is.
 */
import { createHash } from "node:crypto";
import {
  closeSync,
  constants,
  linkSync,
  lstatSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  utimesSync,
} from "node:fs";
import type { ListedTree } from "../../step/index.ts";
import { linkKey, type ListedEntry, readFilesWith, readList } from "./entry.ts";

export function linkTree({ tree, files }: ListedTree, candidates: readonly ListedTree[]): void {
  const wanted = new Map<string, ListedEntry[]>();
  const contents = new Set<string>();
  const folders = new Map<string, number>();
  for (const entry of readList(readFileSync(files, "utf8"))) {
    if (entry.type === "folder") folders.set(entry.path, entry.mtime);
    if (entry.type !== "file" || entry.size === 0) continue;
    contents.add(entry.sha256);
    const key = linkKey(entry);
    const same = wanted.get(key);
    if (same === undefined) wanted.set(key, [entry]);
    else same.push(entry);
  }
  const touched = new Set<string>();
  for (const candidate of candidates) {
    for (const offered of offersOf(candidate, contents)) {
      const key = linkKey(offered);
      const places = wanted.get(key);
      if (places === undefined || !isWhole(candidate.tree, offered)) continue;
      const left = places.filter((entry) => !replace(tree, entry, pathOf(candidate.tree, offered.path)));
      for (const entry of places) {
        if (!left.includes(entry)) touched.add(parentOf(entry.path));
      }
      if (left.length === 0) wanted.delete(key);
      else wanted.set(key, left);
    }
  }
  // To put a link into a folder changes the folder's time, which is part of the layer.
  for (const path of touched) {
    const time = folders.get(path) ?? 0;
    utimesSync(pathOf(tree, path), time, time);
  }
}

/** A layer that has no list, or is being removed, offers nothing. Of the others few files are asked for. */
function offersOf({ files }: ListedTree, contents: ReadonlySet<string>): readonly ListedEntry[] {
  try {
    return [...readFilesWith(readFileSync(files, "latin1"), contents)];
  } catch {
    return [];
  }
}

function isWhole(tree: string, entry: ListedEntry): boolean {
  try {
    const path = pathOf(tree, entry.path);
    const about = lstatSync(path);
    if (!about.isFile() || about.size !== entry.size || (about.mode & 0o7777) !== entry.mode) return false;
    if (about.uid !== entry.uid || about.gid !== entry.gid || Math.floor(about.mtimeMs / 1000) !== entry.mtime)
      return false;
    return hashOf(path) === entry.sha256;
  } catch {
    return false;
  }
}

function hashOf(path: Buffer): string {
  const hash = createHash("sha256");
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    for (;;) {
      const count = readSync(file, PIECE);
      if (count === 0) return hash.digest("hex");
      hash.update(PIECE.subarray(0, count));
    }
  } finally {
    closeSync(file);
  }
}

const PIECE = Buffer.alloc(1024 * 1024);

/** Made beside the tree and moved into place, so that the name is never without its file. */
function replace(tree: string, entry: ListedEntry, source: Buffer): boolean {
  const beside = `${tree}.link`;
  try {
    linkSync(source, beside);
    renameSync(beside, pathOf(tree, entry.path));
    return true;
  } catch {
    return false;
  } finally {
    // Where both are one file already, rename(2) does nothing and leaves both names.
    rmSync(beside, { force: true });
  }
}

function parentOf(path: string): string {
  const cut = path.lastIndexOf("/");
  return cut === -1 ? "." : path.slice(0, cut);
}

function pathOf(tree: string, path: string): Buffer {
  return Buffer.concat([Buffer.from(`${tree}/`), Buffer.from(path, "latin1")]);
}
