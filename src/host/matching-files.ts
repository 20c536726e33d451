/**
 * Matching files: which files of a folder are meant by patterns, as they are now.
 *
 * Each folder is opened in the one that was opened before, and no link is passed on the way or at the end, whatever is
 * renamed meanwhile. Only plain files count.
 */
import { constants } from "node:fs";
import { type FileHandle, open, opendir } from "node:fs/promises";
import { isCleanRelativePath, isWithin, matchesPart, MOST_CHOSEN_FILES } from "../model/index.ts";
import { O_PATH } from "./live/plain-file.ts";

export interface MatchingFiles {
  /** Paths below the folder, sorted. */
  readonly files: readonly string[];
  /** Folders that were looked into, absolute: what appears in them may match. */
  readonly folders: readonly string[];
  /** There are more than may be chosen, or more than is looked at; which of them are listed is left to chance. */
  readonly more: boolean;
}

/** Entries of folders that are looked at for all patterns of one answer. */
const MOST_ENTRIES = 50_000;

/** Folders that are looked into. */
const MOST_FOLDERS = 200;

/**
 * @param folder - absolute, every link followed
 * @param shut - folders of which nothing is ever shown, absolute, every link followed
 */
export async function matchingFiles(
  folder: string,
  patterns: readonly string[],
  shut: readonly string[],
): Promise<MatchingFiles> {
  const look = new Look(folder, shut);
  const top = await openFolder(folder.split("/").filter((part) => part !== ""));
  try {
    if (top !== undefined)
      await look.into(
        top,
        "",
        patterns.map((pattern) => pattern.split("/")),
      );
  } finally {
    await top?.close();
  }
  const { files, folders, more } = look;
  return { files: [...files].toSorted(), folders: [...folders], more };
}

class Look {
  readonly files = new Set<string>();
  readonly folders = new Set<string>();
  more = false;
  #entries = 0;
  readonly #folder: string;
  readonly #shut: readonly string[];

  constructor(folder: string, shut: readonly string[]) {
    this.#folder = folder;
    this.#shut = shut;
  }

  /** @param wanted - for each pattern, its parts from here on */
  async into(handle: FileHandle, at: string, wanted: readonly (readonly string[])[]): Promise<void> {
    const here = at === "" ? this.#folder : `${this.#folder === "/" ? "" : this.#folder}/${at}`;
    if (this.#shut.some((one) => isWithin(here, one))) return;
    if (this.folders.size >= MOST_FOLDERS) {
      this.more = true;
      return;
    }
    this.folders.add(here);
    const below = new Map<string, readonly (readonly string[])[]>();
    const entries = await opendir(`/proc/self/fd/${handle.fd}`).catch(() => []);
    for await (const entry of entries) {
      this.#entries += 1;
      if (this.#entries > MOST_ENTRIES || this.files.size > MOST_CHOSEN_FILES) {
        this.more = true;
        return;
      }
      const { name } = entry;
      const path = at === "" ? name : `${at}/${name}`;
      const met = wanted.filter(([part]) => part !== undefined && matchesPart(part, name)).map(([, ...rest]) => rest);
      // What is no UTF-8 is read with this in its place, and cannot be named.
      if (met.length === 0 || !isCleanRelativePath(path) || name.includes("\ufffd")) continue;
      if (entry.isFile() && met.some((rest) => rest.length === 0)) this.files.add(path);
      const deeper = met.filter((rest) => rest.length > 0);
      if (entry.isDirectory() && deeper.length > 0) below.set(name, deeper);
    }
    for (const [name, deeper] of below) {
      const next = await openIn(handle, name);
      try {
        if (next !== undefined) await this.into(next, at === "" ? name : `${at}/${name}`, deeper);
      } finally {
        await next?.close();
      }
    }
  }
}

async function openFolder(parts: readonly string[]): Promise<FileHandle | undefined> {
  let at = await open("/", O_PATH | constants.O_DIRECTORY);
  for (const part of parts) {
    const next = await openIn(at, part);
    await at.close();
    if (next === undefined) return undefined;
    at = next;
  }
  return at;
}

async function openIn(folder: FileHandle, name: string): Promise<FileHandle | undefined> {
  try {
    const path = `/proc/self/fd/${folder.fd}/${name}`;
    return await open(path, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch {
    return undefined;
  }
}
