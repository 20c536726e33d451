/**
 * Apply: brings chosen changes of a copy into the real folder, and takes out of the copy what has come there.
 *
 * Folders first, then files, removals last. What came into the real folder is on the disk before it leaves the copy, so
 * that an end at any point loses nothing; what is done twice finds that it is done.
 */
import { randomBytes } from "node:crypto";
import { renameSync, rmdirSync, unlinkSync } from "node:fs";
import { compare, type CompareOptions, type Comparison, type Found, type Trees } from "./compare.ts";
import { endJournal, type Journal, removeAll, writeJournal } from "./journal.ts";
import { type Change, LIMITS, type Outcome } from "./messages.ts";
import { ChangedMeanwhile, isFull, replace, type Roots, type Work, wordsOf } from "./replace.ts";
import { Folder, inParent, modeOf } from "./tree.ts";

export interface Applied {
  readonly changes: readonly Change[];
  readonly full: boolean;
  /** Folders in which something was applied, with the time of their last change. */
  readonly touched: Readonly<Record<string, string>>;
}

export interface ApplyOptions {
  /** The copy's own folder, for the journal. */
  readonly own: string;
  readonly force: boolean;
  /** As the comparison was made. */
  readonly compared: CompareOptions;
  /** When the comparison was made, by the clock that stamps files. */
  readonly comparedAt: bigint;
  readonly chosen: (path: string) => boolean;
  readonly progress: (done: number, total: number) => void;
}

/** So many changes are brought to the disk together. */
const BATCH = 128;

export function apply(comparison: Comparison, trees: Trees, options: ApplyOptions): Applied {
  const outcomes = new Map<string, Outcome>();
  const wanted = wantedOf(comparison.changes, options, outcomes);
  const journal = journalOf(wanted);
  const asides = new Map(journal.asides.map(({ path }, index) => [path, index]));
  const { comparedAt } = options;
  const roots = { upper: Folder.at(trees.upper), real: Folder.at(trees.real), journal, asides, comparedAt };
  let full = false;
  let touched = {};
  try {
    if (wanted.length > 0 && !isNoted(options.own, journal))
      return { changes: withOutcomes(comparison.changes, outcomes), full: true, touched };
    const order = [
      ...wanted.filter(({ kind, type }) => kind !== "removed" && type === "folder"),
      ...wanted.filter(({ kind, type }) => kind !== "removed" && type !== "folder"),
      ...wanted.filter(({ kind }) => kind === "removed"),
    ];
    for (let at = 0; at < order.length && !full; at += BATCH) {
      const batch = order.slice(at, at + BATCH);
      full = applyBatch(batch, roots, comparison.marks, outcomes);
      options.progress(Math.min(at + BATCH, order.length), order.length);
    }
    dropAll(
      comparison.idle.filter((path) => options.chosen(path) && !isHeld(path, comparison.marks)),
      roots.upper,
    );
    dropHiding(comparison, trees, options, roots.upper);
    prune(comparison, roots);
    if (wanted.length > 0) endJournal(options.own);
    let bytes: number = LIMITS.touchedBytes;
    const some = journal.folders.slice(0, LIMITS.touched).filter((folder) => (bytes -= folder.length + 20) > 0);
    touched = Object.fromEntries(some.flatMap((folder) => timeOf(roots.real, folder)));
  } finally {
    roots.upper.close();
    roots.real.close();
  }
  return { changes: withOutcomes(comparison.changes, outcomes), full, touched };
}

function timeOf(real: Folder, path: string): readonly (readonly [string, string])[] {
  try {
    const time = inParent(real, path === "" ? "." : path, (parent, name) => parent.find(name)?.ctimeNs);
    return time === undefined ? [] : [[path, String(time)]];
  } catch {
    return [];
  }
}

/** @returns false where the disk of the copies has no room for the journal: then nothing is begun */
function isNoted(own: string, journal: Journal): boolean {
  try {
    writeJournal(own, journal);
    return true;
  } catch (error) {
    if (!isFull(error)) throw error;
    return false;
  }
}

function withOutcomes(changes: readonly Found[], outcomes: ReadonlyMap<string, Outcome>): readonly Change[] {
  return changes.flatMap((change) => {
    const outcome = outcomes.get(change.path);
    return outcome === undefined ? [] : [{ ...change, outcome }];
  });
}

/** What is chosen and can be applied, with the folders that it needs; what cannot gets its outcome at once. */
function wantedOf(
  changes: readonly Found[],
  { chosen, force }: ApplyOptions,
  outcomes: Map<string, Outcome>,
): readonly Found[] {
  // Into these something can be put only when they have been made.
  const made = new Set(
    changes
      .filter(({ kind, type }) => type === "folder" && (kind === "added" || kind === "retyped"))
      .map(({ path }) => path),
  );
  const stuck = new Map<string, Outcome>();
  for (const { path, unfit, conflict } of changes) {
    const above = parentsOf(path).find((folder) => made.has(folder) && stuck.has(folder));
    const inherited = above === undefined ? undefined : stuck.get(above);
    if (unfit !== undefined) stuck.set(path, { kind: "failed", because: unfit });
    else if (conflict !== undefined && !force) stuck.set(path, { kind: "conflict" });
    else if (inherited !== undefined) stuck.set(path, inherited);
  }
  const picked = changes.filter(({ path }) => chosen(path));
  const needed = new Set(picked.flatMap(({ path }) => parentsOf(path).filter((folder) => made.has(folder))));
  return changes.filter(({ path }) => {
    if (!chosen(path) && !needed.has(path)) return false;
    const outcome = stuck.get(path);
    if (outcome !== undefined) outcomes.set(path, outcome);
    return outcome === undefined;
  });
}

/** `a/b/c` lies in `a` and in `a/b`. */
function parentsOf(path: string): readonly string[] {
  const parts = path.split("/");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("/"));
}

function journalOf(wanted: readonly Found[]): Journal {
  return {
    token: randomBytes(8).toString("hex"),
    folders: [...new Set(wanted.map(({ path }) => path.split("/").slice(0, -1).join("/")))],
    asides: wanted.flatMap(({ path, kind }) =>
      kind === "retyped" || kind === "removed" ? [{ path, replaced: kind === "retyped" }] : [],
    ),
  };
}

/** @returns whether the disk is full */
function applyBatch(
  batch: readonly Found[],
  roots: Work,
  marks: Comparison["marks"],
  outcomes: Map<string, Outcome>,
): boolean {
  const done: Found[] = [];
  let full = false;
  for (const change of batch) {
    try {
      replace(change, roots);
      done.push(change);
    } catch (error) {
      full = isFull(error);
      if (full) break;
      if (error instanceof ChangedMeanwhile) outcomes.set(change.path, { kind: "conflict" });
      else outcomes.set(change.path, { kind: "failed", because: wordsOf(error) });
    }
  }
  for (const folder of new Set(done.map(({ path }) => path.split("/").slice(0, -1).join("/"))))
    inParent(roots.real, folder === "" ? "x" : `${folder}/x`, (parent) => parent.sync());
  for (const { path } of done) outcomes.set(path, { kind: "applied" });
  dropAll(
    done
      .filter(({ path, kind, type }) => (type !== "folder" || kind === "removed") && !isHeld(path, marks))
      .map(({ path }) => path),
    roots.upper,
  );
  return full;
}

/** Takes entries that are no folders out of the copy. One that hides an entry of a folder as a whole is not there itself. */
function dropAll(paths: readonly string[], upper: Folder): void {
  for (const path of paths) {
    inParent(upper, path, (parent, name) => {
      const about = parent.find(name);
      if (about !== undefined && !about.isDirectory()) unlinkSync(parent.path(name));
    });
  }
}

/**
 * Below a folder that hides all of the real one, an entry that is taken out would count as removed. Such a folder stays as
 * it is until the real one says all that it says, and then leaves the copy as a whole, by one rename.
 */
function isHeld(path: string, marks: Comparison["marks"]): boolean {
  return parentsOf(path).some((folder) => marks.get(folder)?.opaque === true);
}

function dropHiding({ folders, marks }: Comparison, trees: Trees, options: ApplyOptions, upper: Folder): void {
  const hiding = folders.filter((path) => marks.get(path)?.opaque === true && !isHeld(path, marks));
  const now = hiding.length === 0 ? undefined : compare(trees, options.compared);
  if (now === undefined) return;
  const open = new Set(now.changes.flatMap(({ path }) => [path, ...parentsOf(path)]));
  const own = Folder.at(options.own);
  try {
    for (const path of hiding.filter((each) => !open.has(each))) {
      removeAll(own, LEAVING);
      inParent(upper, path, (parent, name) => renameSync(parent.path(name), own.path(LEAVING)));
      removeAll(own, LEAVING);
    }
  } finally {
    own.close();
  }
}

/** In the copy's own folder, beside what overlayfs reads. */
const LEAVING = "leaving";

/** Takes folders out of the copy that say nothing any more, the inner ones first. */
function prune({ folders, marks }: Comparison, roots: Roots): void {
  for (const path of folders.toReversed()) {
    if (marks.get(path)?.opaque === true || isHeld(path, marks)) continue;
    inParent(roots.upper, path, (parent, name) => {
      const now = parent.find(name);
      if (now === undefined) return;
      const inner = parent.open(name);
      const holds = inner.names().length > 0;
      inner.close();
      if (!holds && isSaid(path, modeOf(now), roots.real)) rmdirSync(parent.path(name));
    });
  }
}

/** Whether the real folder says all that an empty folder of the copy says. */
function isSaid(path: string, mode: number, real: Folder): boolean {
  try {
    return inParent(real, path, (parent, name) => {
      const about = parent.find(name);
      return about?.isDirectory() === true && modeOf(about) === mode;
    });
  } catch {
    return false;
  }
}
