/**
 * Open to others: whether somebody else on this host could put another file in the place of a disk's.
 *
 * What a machine is started or installed from decides all that it does. Only what everybody may write is named: a group is
 * of its owner's choosing, and in a folder such as /tmp nobody replaces what is another's.
 */
import { stat } from "node:fs/promises";
import { dirname } from "node:path";

const BY_ALL = 0o002;
const STICKY = 0o1000;

/** @param path - without links. @returns the file or folder on its way that everybody may write */
export async function openToOthers(path: string): Promise<string | undefined> {
  for (let place = path; ; place = dirname(place)) {
    const { mode } = await stat(place);
    if ((mode & BY_ALL) !== 0 && (place === path || (mode & STICKY) === 0)) return place;
    if (place === dirname(place)) return undefined;
  }
}
