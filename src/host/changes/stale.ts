/**
 * Stale: what was changed in the real folder while an app runs on a copy of it.
 *
 * Overlayfs does not say what an app then sees there: the old thing, the new one, or an error. Looks at the first part of
 * a large folder only; it warns, and nothing is decided by it.
 */
import { isWithin } from "../../model/names.ts";
import { LIMITS } from "./messages.ts";
import { Folder } from "./tree.ts";

/** @returns paths of what is no folder and was changed at that time or later */
export function findStale(real: string, since: bigint, hidden: readonly string[]): readonly string[] {
  const out: string[] = [];
  let looked = 0;
  const look = (folder: Folder, above: string, depth: number): void => {
    for (const name of folder.names()) {
      if (out.length >= LIMITS.staleListed || looked++ >= LIMITS.staleLooked) return;
      const path = above === "" ? name : `${above}/${name}`;
      const about = folder.find(name);
      if (about === undefined || hidden.some((place) => isWithin(`/${path}`, `/${place}`))) continue;
      if (!about.isDirectory()) {
        if (about.ctimeNs >= since) out.push(path);
        continue;
      }
      if (depth >= LIMITS.depth) continue;
      try {
        const inner = folder.open(name);
        try {
          look(inner, path, depth + 1);
        } finally {
          inner.close();
        }
      } catch {
        // One that may not be read, or is no more: nothing to say about it.
      }
    }
  };
  const root = Folder.at(real);
  try {
    look(root, "", 1);
  } finally {
    root.close();
  }
  return out;
}
