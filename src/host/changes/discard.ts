/** Discard: takes chosen changes out of a copy, so that the app has again what the real folder has there. */
import { isWithin } from "../../model/names.ts";
import type { Found } from "./compare.ts";
import { removeAll } from "./journal.ts";
import type { Change } from "./messages.ts";
import { wordsOf } from "./replace.ts";
import { codeOf, Folder, inParent } from "./tree.ts";

/** Everything: also what is too deep or too much to be looked at. */
export function discardAll(upper: string): void {
  const root = Folder.at(upper);
  try {
    for (const name of root.names()) removeAll(root, name);
  } finally {
    root.close();
  }
}

/** @param paths - each stands for what lies below it as well */
export function discardChosen(upper: string, changes: readonly Found[], paths: readonly string[]): readonly Change[] {
  const root = Folder.at(upper);
  try {
    const because = new Map(paths.map((path) => [path, discardOne(root, path)]));
    return changes.flatMap((change): readonly Change[] => {
      const path = paths.find((each) => isWithin(`/${change.path}`, `/${each}`));
      if (path === undefined) return [];
      const failed = because.get(path);
      return [
        { ...change, outcome: failed === undefined ? { kind: "discarded" } : { kind: "failed", because: failed } },
      ];
    });
  } finally {
    root.close();
  }
}

/** @returns why it cannot be done */
function discardOne(root: Folder, path: string): string | undefined {
  try {
    return inParent(root, path, (parent, name) => {
      if (parent.find(name) === undefined) return GONE_WITH_FOLDER;
      removeAll(parent, name);
      return undefined;
    });
  } catch (error) {
    return ["ENOENT", "ENOTDIR"].includes(codeOf(error)) ? GONE_WITH_FOLDER : wordsOf(error);
  }
}

const GONE_WITH_FOLDER = "went with its folder as a whole; discard the folder";
