/** Learn folders: `--folder REQUEST=FOLDER` of `learn`, with the folder as it is meant from where the caller stands. */
import { resolve } from "node:path";
import { complain } from "./print.ts";
import type { World } from "./world.ts";

export interface WatchedFolder {
  readonly request: string;
  /** Absolute. */
  readonly folder: string;
}

/** @returns undefined where one of them cannot be read; that was said */
export function parseWatchedFolders(world: World, texts: readonly string[]): readonly WatchedFolder[] | undefined {
  const folders: WatchedFolder[] = [];
  for (const text of texts) {
    const equals = text.indexOf("=");
    const [request, place] = [text.slice(0, Math.max(0, equals)), text.slice(equals + 1)];
    const twice = folders.some((other) => other.request === request);
    if (request === "" || place === "" || twice) {
      const because = twice ? `${request} is named twice` : "expected REQUEST=FOLDER, such as folder=~/notes";
      complain(world, `--folder ${text}: ${because}`);
      return undefined;
    }
    const home = world.environment["HOME"] ?? "/";
    const path = place === "~" || place.startsWith("~/") ? `${home}${place.slice(1)}` : place;
    folders.push({ request, folder: resolve(path) });
  }
  return folders;
}
