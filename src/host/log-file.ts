/** Log files of background compartments: two halves, FILE.1 the older one. Written by the helper's log keeper. */
import { open, stat } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { readTextIfThere } from "./files.ts";

const BOUND = { limitBytes: 16 * 1024 * 1024 };

/** @returns both halves, the older one first; undefined where there is no log */
export async function readLog(file: string): Promise<string | undefined> {
  const [older, newer] = [await readTextIfThere(`${file}.1`, BOUND), await readTextIfThere(file, BOUND)];
  return older === undefined && newer === undefined ? undefined : (older ?? "") + (newer ?? "");
}

const LOOK_EVERY_MS = 150;

/**
 * Goes on reading whole lines as they are written, also past the change to a new file.
 *
 * @param goesOn - false when no more will be written
 */
export async function followText(
  file: string,
  onLine: (line: string) => void,
  goesOn: () => Promise<boolean>,
  signal: AbortSignal,
): Promise<void> {
  const about = await stat(file).catch(() => undefined);
  let [inode, at, rest] = [about?.ino, about?.size ?? 0, ""];
  for (let last = false; !signal.aborted; ) {
    const now = await stat(file).catch(() => undefined);
    if (now !== undefined && now.ino !== inode) [inode, at] = [now.ino, 0];
    if (now !== undefined && now.size > at) {
      const handle = await open(file);
      try {
        const { buffer, bytesRead } = await handle.read(
          Buffer.alloc(Math.min(now.size - at, 1024 * 1024)),
          0,
          undefined,
          at,
        );
        at += bytesRead;
        const lines = (rest + buffer.toString("utf8", 0, bytesRead)).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) onLine(line);
      } finally {
        await handle.close();
      }
      continue;
    }
    if (last) {
      if (rest !== "") onLine(rest);
      return;
    }
    last = !(await goesOn());
    if (!last) await pause(LOOK_EVERY_MS);
  }
}
