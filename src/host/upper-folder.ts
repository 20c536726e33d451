/**
 * What an app has written to a copy of a folder, by names alone: overlayfs keeps it in the upper folder.
 *
 * The app that wrote it does not run when this is asked, or it does not matter what it changes meanwhile; no link is
 * followed. What the changes are is found out by changes/main.ts, in a compartment of its own.
 */
import { lstat, readdir } from "node:fs/promises";
import { hasCode } from "./files.ts";

export interface UpperFolder {
  /** Paths below it with one character for each byte, the outer ones first. */
  readonly paths: readonly string[];
  /** Entries that are no folders: files that were written, and marks of what was removed. */
  readonly files: number;
  /** Bytes on the disk. */
  readonly bytes: number;
  /** There is more than was looked at. */
  readonly cut: boolean;
}

/**
 * @param limit - entries that are looked at
 * @param measured - find the bytes as well, which takes longer than all else
 */
export async function readUpper(folder: string, limit: number, measured: boolean): Promise<UpperFolder> {
  const paths: string[] = [];
  const waiting = [""];
  let [files, bytes] = [0, 0];
  let cut = false;
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const place = at;
    const here = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(place, "latin1")]);
    const entries = await readdir(here, { withFileTypes: true, encoding: "buffer" }).catch((error: unknown) => {
      // One that the app has shut, or that is too deep for a path. That there is none at all is no matter.
      cut ||= !hasCode(error, "ENOENT");
      return [];
    });
    for (const entry of entries) {
      if (paths.length >= limit) return { paths, files, bytes, cut: true };
      const name = entry.name.toString("latin1");
      const path = place === "" ? name : `${place}/${name}`;
      paths.push(path);
      if (entry.isDirectory()) waiting.push(path);
      else files += 1;
      if (!measured) continue;
      const whole = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(path, "latin1")]);
      const about = await lstat(whole).catch(() => undefined);
      bytes += (about?.blocks ?? 0) * 512;
    }
  }
  return { paths, files, bytes, cut };
}

/** When a file was changed last, in nanoseconds of the kernel's clock; undefined where there is none. */
export async function changeTime(path: string): Promise<bigint | undefined> {
  return await lstat(path, { bigint: true }).then(
    ({ ctimeNs }) => ctimeNs,
    () => undefined,
  );
}
