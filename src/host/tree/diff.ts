/** Diff: which files two images differ in, by the lists of their layers; nothing of the files themselves is read. */
import { readFileSync } from "node:fs";
import type { Compared, FileDifference } from "../../step/index.ts";
import { isOpaque } from "./canonical.ts";
import { escapeBytes, type ListedEntry, readList } from "./entry.ts";

const DIFFERENCES_LIMIT = 5000;

/** @param left - lists of the layers, bottom first */
export function diffTrees(left: readonly string[], right: readonly string[]): Compared {
  const [before, after] = [merged(left), merged(right)];
  const differences: FileDifference[] = [];
  let more = 0;
  const tell = (difference: FileDifference) => {
    if (differences.length < DIFFERENCES_LIMIT) differences.push(difference);
    else more++;
  };
  for (const [path, entry] of before) {
    const other = after.get(path);
    if (other === undefined) tell({ kind: "missing", path: escapeBytes(path), what: [] });
    else {
      const what = whatDiffers(entry, other);
      // When a file is from says nothing where it is the same.
      if (what.some((each) => each !== "time")) tell({ kind: "changed", path: escapeBytes(path), what });
    }
  }
  for (const path of after.keys()) if (!before.has(path)) tell({ kind: "extra", path: escapeBytes(path), what: [] });
  return { differences, more };
}

/** What an app sees: upper files in place of lower ones, and without those that a layer hides. */
export function merged(lists: readonly string[]): Map<string, ListedEntry> {
  const all = new Map<string, ListedEntry>();
  const removeBelow = (path: string) => {
    for (const each of all.keys()) if (each.startsWith(`${path}/`)) all.delete(each);
  };
  for (const list of lists) {
    const entries = [...readList(readFileSync(list, "utf8"))];
    for (const entry of entries) {
      const lower = all.get(entry.path);
      if (isOpaque(entry) || (lower?.type === "folder" && entry.type !== "folder")) removeBelow(entry.path);
      if (entry.type === "whiteout") all.delete(entry.path);
      else all.set(entry.path, entry);
    }
  }
  return all;
}

export function whatDiffers(listed: ListedEntry, found: ListedEntry): readonly string[] {
  if (listed.type !== found.type) return ["type"];
  return [
    ...(listed.sha256 !== found.sha256 ? ["content"] : []),
    ...(listed.mode !== found.mode ? ["mode"] : []),
    ...(listed.uid !== found.uid || listed.gid !== found.gid ? ["owner"] : []),
    ...(listed.mtime !== found.mtime ? ["time"] : []),
    ...(listed.target !== found.target ? ["target"] : []),
    ...(JSON.stringify(listed.attributes) !== JSON.stringify(found.attributes) ? ["attributes"] : []),
  ];
}
