/**
 * Readers by path: of many readers those that hold a path or lie in it, found without a look at each of them.
 *
 * Paths are kept sorted by their parts, so that all below a folder stand behind it in one run.
 */
import type { FolderTarget, Right } from "./graph.ts";

interface Reading {
  readonly app: string;
  readonly right: Right;
  readonly target: FolderTarget;
}

/** @returns a function that gives, for a folder that is written, every right to read it, a part of it, or what holds it */
export function readersByPath(rights: readonly Right[]): (path: string) => readonly Reading[] {
  const at = new Map<string, Reading[]>();
  for (const right of rights) {
    const { app, verb, target } = right;
    if (verb !== "read" || target.kind !== "folder") continue;
    const same = at.get(target.path);
    if (same === undefined) at.set(target.path, [{ app, right, target }]);
    else same.push({ app, right, target });
  }
  // With NUL for a slash, all below a folder stand right behind it: no other character of a path comes before.
  const sorted = [...at.keys()].map(sortable).toSorted(byCode);
  return (path) => {
    const found: Reading[] = [];
    for (const above of aboveAndSelf(path)) found.push(...(at.get(above) ?? []));
    const from = sortable(path === "/" ? "" : path);
    const prefix = path === "/" ? "\0" : `${from}\0`;
    for (let index = firstNotBefore(sorted, prefix); index < sorted.length; index += 1) {
      const one = sorted[index];
      if (one === undefined || !one.startsWith(prefix)) break;
      // The root itself begins with what all begin with; it was found above.
      if (one !== "\0") found.push(...(at.get(one.replaceAll("\0", "/")) ?? []));
    }
    return found;
  };
}

function sortable(path: string): string {
  return path.replaceAll("/", "\0");
}

function byCode(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function aboveAndSelf(path: string): readonly string[] {
  const all = ["/"];
  if (path === "/") return all;
  for (let end = path.indexOf("/", 1); end !== -1; end = path.indexOf("/", end + 1)) all.push(path.slice(0, end));
  return [...all, path];
}

function firstNotBefore(sorted: readonly string[], text: string): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? "") < text) low = middle + 1;
    else high = middle;
  }
  return low;
}
