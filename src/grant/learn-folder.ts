/**
 * Learn, folder: what was opened below a watched folder, and the smallest answer that lets that through. Pure.
 *
 * Invariants
 * - What is proposed lies at or below the watched folder.
 * - It holds few things, however much was opened: the names of some files, and the folder that holds all of it.
 */
import { isCleanRelativePath, isFilePattern, isPrintable } from "../model/index.ts";
import { type Learned, type LearnedOf, NO_OPTIONS, nothingUsed, unknown } from "./learn.ts";

/** Files that are named one by one; more of them are a folder. */
export const FILES_MOST = 16;

/** One thing that was done below the watched folder. Paths are relative to it; `""` is the folder itself. */
export interface FolderEvent {
  /** `list`: the folder at the path was opened. `change`: the path was made, written, renamed or removed. */
  readonly kind: "read" | "list" | "change";
  readonly path: string;
}

export interface FolderSeen {
  /** Files that were read; undefined once they are too many, or one has a name that would say something else, or nothing. */
  readonly files: ReadonlySet<string> | undefined;
  /** The deepest folder that holds all that was opened; undefined where nothing was. */
  readonly common: string | undefined;
  readonly changed: boolean;
}

export const NOTHING_SEEN: FolderSeen = { files: new Set(), common: undefined, changed: false };

export function withEvent(seen: FolderSeen, { kind, path }: FolderEvent): FolderSeen {
  const folder = kind === "list" ? path : parentOf(path);
  return {
    files: kind === "read" ? withFile(seen.files, path) : seen.files,
    common: seen.common === undefined ? folder : commonOf(seen.common, folder),
    changed: seen.changed || kind === "change",
  };
}

/** @param request - a folder's; what it cannot do, something else has done */
export function learnFolder(
  request: LearnedOf,
  { folder, seen, unsure }: { readonly folder: string; readonly seen: FolderSeen; readonly unsure: string | undefined },
): Learned {
  if (unsure !== undefined) return unknown(request, unsure);
  const { files, common, changed } = seen;
  if (common === undefined) return nothingUsed(request);
  const place = common === "" ? folder : `${folder === "/" ? "" : folder}/${common}`;
  if (!isPrintable(place)) return unknown(request, "what it opened has a name that no file can hold as it is");
  const shorter = `its place inside is then that of ${place}: paths that the app is told get shorter by ${common}/`;
  const notes = common === "" ? [] : [shorter];
  if (changed && request.verbs.includes("write"))
    return { request: request.name, grant: { ...NO_OPTIONS, answer: "real", folder: place }, notes };
  const foreign = changed ? ["something else than the app has written there"] : [];
  if (files !== undefined && files.size > 0) {
    const named = [...files].toSorted();
    return { request: request.name, grant: { ...NO_OPTIONS, answer: "subset", folder, files: named }, notes: foreign };
  }
  return {
    request: request.name,
    grant: { ...NO_OPTIONS, answer: "subset", folder: place },
    notes: [...notes, ...foreign],
  };
}

function withFile(files: ReadonlySet<string> | undefined, path: string): ReadonlySet<string> | undefined {
  if (files === undefined || files.has(path)) return files;
  const nameable = isCleanRelativePath(path) && isPrintable(path) && !isFilePattern(path);
  return files.size === FILES_MOST || !nameable ? undefined : new Set([...files, path]);
}

function parentOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
}

function commonOf(left: string, right: string): string {
  const [one, other] = [left.split("/"), right.split("/")];
  const differs = one.findIndex((part, index) => part !== other[index]);
  return differs < 0 ? left : one.slice(0, differs).join("/");
}
