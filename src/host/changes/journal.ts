/**
 * Journal: what an apply may leave behind in the real folder, noted before it begins, and how that is cleared up.
 *
 * Whatever is put into the real folder is made under a name of this apply, and gets its own by one rename. What is taken
 * away as a whole is moved aside by one rename first. So after an end at any point there are whole things under their own
 * names, and things under names of the apply, which the next one finds by the journal.
 *
 * Invariants
 * - The journal is on the disk before the first of its names is used, and goes last.
 * - Settling twice is settling once.
 */
import { spawnSync } from "node:child_process";
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { codeOf, Folder, inParent } from "./tree.ts";

export interface Journal {
  /** 16 hexadecimal digits, part of each name of this apply; nobody could know it before. */
  readonly token: string;
  /** Folders of the real tree in which something is made; empty text is the tree's own root. */
  readonly folders: readonly string[];
  /** What is moved aside, by its number in this list. */
  readonly asides: readonly Aside[];
}

export interface Aside {
  readonly path: string;
  /** It was to be replaced: where nothing stands in its place, it comes back. A removed one does not. */
  readonly replaced: boolean;
}

/** A name that is being made; one at a time in each folder. */
export function newName({ token }: Journal): string {
  return `.skerry-${token}.new`;
}

export function asideName({ token }: Journal, index: number): string {
  return `.skerry-${token}.${index}.old`;
}

/** @param folder - the copy's own folder, which the app cannot reach */
export function writeJournal(folder: string, journal: Journal): void {
  const path = `${folder}/journal.json`;
  const file = openSync(`${path}.new`, "w", 0o600);
  try {
    writeFileSync(file, JSON.stringify(journal));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(`${path}.new`, path);
  syncFolder(folder);
}

export function endJournal(folder: string): void {
  rmSync(`${folder}/journal.json`, { force: true });
  syncFolder(folder);
}

/** @returns whether there was anything to clear up */
export function settle(folder: string, real: string): boolean {
  let text: string;
  try {
    text = readFileSync(`${folder}/journal.json`, "utf8");
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    return false;
  }
  const journal: Journal = JSON.parse(text);
  const root = Folder.at(real);
  try {
    for (const [index, { path, replaced }] of journal.asides.entries())
      ifThere(() => inParent(root, path, (parent, name) => putBack(parent, name, asideName(journal, index), replaced)));
    for (const path of journal.folders)
      ifThere(() => inParent(root, path === "" ? "x" : `${path}/x`, (parent) => removeAll(parent, newName(journal))));
  } finally {
    root.close();
  }
  endJournal(folder);
  return true;
}

function putBack(parent: Folder, name: string, aside: string, replaced: boolean): void {
  if (parent.find(aside) === undefined) return;
  if (replaced && parent.find(name) === undefined) renameSync(parent.path(aside), parent.path(name));
  else removeAll(parent, aside);
  parent.sync();
}

/** A folder on the way that is no more, or another thing now, holds nothing of ours. */
function ifThere(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!["ENOENT", "ENOTDIR", "ELOOP"].includes(codeOf(error))) throw error;
  }
}

/** Removes an entry with all that is in it. rm(1) goes down step by step, however deep that is, and follows no link. */
export function removeAll(parent: Folder, name: string): void {
  const about = parent.find(name);
  if (about === undefined) return;
  if (!about.isDirectory()) {
    unlinkSync(parent.path(name));
    return;
  }
  // Of words only valid text can be given to a program: a name of other bytes is changed to one of ours first.
  const plain = isText(name) ? name : `.skerry-removed-${process.pid}`;
  if (plain !== name) renameSync(parent.path(name), parent.path(plain));
  const end = spawnSync(
    "/usr/bin/rm",
    ["-rf", "--one-file-system", "--", `./${Buffer.from(plain, "latin1").toString()}`],
    {
      cwd: `/proc/${process.pid}/fd/${parent.fd}`,
      encoding: "utf8",
    },
  );
  if (end.status !== 0) throw new Error(end.stderr.trim().slice(0, 500));
}

function isText(name: string): boolean {
  const bytes = Buffer.from(name, "latin1");
  return Buffer.from(bytes.toString("utf8")).equals(bytes);
}

function syncFolder(path: string): void {
  const folder = Folder.at(path);
  try {
    folder.sync();
  } finally {
    folder.close();
  }
}
