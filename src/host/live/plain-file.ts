/**
 * Finds a file or folder through no link, whatever is renamed meanwhile: each part of its path is opened in the folder
 * that was opened before (openat(2), by way of /proc/self/fd).
 */
import { closeSync, constants, fstatSync, openSync } from "node:fs";

/** open(2): a place in the tree, with no right to read it. Node has no name for it. */
export const O_PATH = 0o10000000;

export interface Found {
  readonly device: bigint;
  readonly inode: bigint;
  readonly type: "file" | "folder" | "other";
}

/** @returns undefined where nothing is there, or a link is on the way */
export function findPlainly(path: string): Found | undefined {
  let at = openSync("/", O_PATH | constants.O_DIRECTORY);
  try {
    for (const part of path.split("/").filter((word) => word !== "")) {
      const next = openSync(`/proc/self/fd/${at}/${part}`, O_PATH | constants.O_NOFOLLOW);
      closeSync(at);
      at = next;
    }
    const { dev, ino, ...about } = fstatSync(at, { bigint: true });
    const kind = Number(about.mode) & constants.S_IFMT;
    // A link as the last part was opened itself; one on the way could not be passed.
    const type = kind === constants.S_IFREG ? "file" : kind === constants.S_IFDIR ? "folder" : "other";
    return { device: dev, inode: ino, type };
  } catch {
    return undefined;
  } finally {
    closeSync(at);
  }
}
