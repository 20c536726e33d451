/**
 * Matching: of chosen files that are granted by patterns, what the folder holds now against what is shown.
 *
 * Invariants
 * - What was shown and matches no more goes: also what has become a link, a folder or a device.
 * - Where more match than may be shown, nothing is added; what is shown stays as long as it is there.
 */
import { findPlainly, isShown, matchingFiles, shownBelow, type View } from "../../host/index.ts";
import { type Contribution, isFilePattern, MOST_CHOSEN_FILES, patternsOf, pickedFiles } from "../../model/index.ts";
import type { AgentContext } from "../context.ts";
import { PLACES } from "./view-parts.ts";

export type Pick = Extract<Contribution, { kind: "pick" }>;

export interface Matching {
  /** With what its patterns mean now. */
  readonly pick: Pick;
  /** Folders in which something may appear that matches. */
  readonly folders: readonly string[];
  readonly tooMany: boolean;
}

/** @param shut - folders of which nothing is ever shown */
export async function matchNow(pick: Pick, shut: readonly string[]): Promise<Matching> {
  const patterns = patternsOf(pick);
  if (patterns.length === 0) return { pick, folders: [], tooMany: false };
  const { files, folders, more } = await matchingFiles(pick.source, patterns, shut);
  const now: Pick = { ...pick, found: files };
  const tooMany = more || pickedFiles(now).length > MOST_CHOSEN_FILES;
  return { pick: tooMany ? pick : now, folders, tooMany };
}

export interface Difference {
  /** Shown, and another file by now. */
  readonly replaced: readonly string[];
  readonly added: readonly string[];
  readonly gone: readonly string[];
}

/** @param through - the folder in the wall's namespaces through which the app sees them */
export function differenceOf({ pick, tooMany }: Matching, view: View, through: string): Difference {
  const shown = new Set(shownBelow(view, through));
  const plain = (file: string) => {
    const found = findPlainly(`${pick.source}/${file}`);
    return found?.type === "file" ? found : undefined;
  };
  const named = new Set(pick.files.filter((file) => pick.found === undefined || !isFilePattern(file)));
  const meant = tooMany ? new Set([...named, ...shown]) : new Set(pickedFiles(pick));
  const there = [...meant].flatMap((file) => {
    const found = plain(file);
    return found === undefined ? [] : [{ file, found }];
  });
  const kept = new Set(there.map(({ file }) => file));
  return {
    replaced: there
      .filter(({ file, found }) => (shown.has(file) || named.has(file)) && !isShown(view, `${through}/${file}`, found))
      .map(({ file }) => file),
    added: there.map(({ file }) => file).filter((file) => !shown.has(file) && !named.has(file)),
    // A name that its owner has chosen stays as it was seen last.
    gone: [...shown].filter((file) => !kept.has(file) && !named.has(file)),
  };
}

/** The folder of the start's own in which each file has its place; undefined for what the app was started with. */
export async function placesShown(
  view: View,
  through: string,
  folder: string,
  { performer }: AgentContext,
): Promise<string | undefined> {
  const names = (await performer.list(folder)).filter((name) => name.startsWith(PLACES));
  return names
    .map((name) => `${folder}/${name}`)
    .find((path) => {
      const found = findPlainly(path);
      return found !== undefined && isShown(view, through, found);
    });
}
