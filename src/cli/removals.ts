/** What `uninstall` removes and what it keeps: folders that are there, in the order in which they go. Looks, removes nothing. */
import { lstat, readdir } from "node:fs/promises";
import type { Places } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";

export interface Removals {
  readonly remove: readonly string[];
  readonly keep: readonly string[];
}

export interface StrangeHome {
  readonly kind: "strange-home";
  readonly path: string;
}

/**
 * Problems
 * - `strange-home`: SKERRY_HOME names a folder that holds more than Skerry's things, where a slip would be a disaster
 */
export async function listRemovals(
  places: Places,
  environment: Readonly<Record<string, string | undefined>>,
  { withData }: { readonly withData: boolean },
): Promise<Result<Removals, StrangeHome>> {
  const home = environment["SKERRY_HOME"];
  if (home !== undefined && home !== "" && (!home.startsWith("/") || home === "/" || home === environment["HOME"])) {
    return refusal({ kind: "strange-home", path: home });
  }
  // A data folder holds the apps' volumes and copies beside what can be made again.
  const data = (await readdir(places.data).catch(() => []))
    .filter((name) => name !== "volumes" && name !== "copies")
    .toSorted();
  const program = [
    `${places.program}/helper/build`,
    ...["node_modules", ".node", "dist"].map((name) => `${places.program}/${name}`),
  ];
  const own = [...data.map((name) => `${places.data}/${name}`), places.cache, places.runtime, places.state];
  const owners = [`${places.data}/volumes`, `${places.data}/copies`, places.config];
  return success({
    remove: await existing([...own, ...(withData ? owners : []), ...program]),
    keep: withData ? [] : await existing(owners),
  });
}

async function existing(paths: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(
    paths.map((path) =>
      lstat(path).then(
        () => [path],
        () => [],
      ),
    ),
  );
  return found.flat();
}
