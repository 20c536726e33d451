/** Outdated: which packages of a lock the archives have in a newer version today. Reads lists, resolves nothing. */
import type { Lock, OsBase, Recipe } from "../model/index.ts";
import { engineOf } from "../package-engines/index.ts";
import { type Result, success } from "../result.ts";
import { installedBy, type PackageChange } from "./package-diff.ts";
import { sourcesOf } from "./repositories.ts";
import { type ImageContext, type ResolveProblem, refreshLists } from "./resolve.ts";

export async function outdatedPackages(
  lock: Lock,
  base: OsBase,
  recipe: Recipe,
  context: ImageContext,
): Promise<Result<readonly PackageChange[], ResolveProblem>> {
  const { performer, watch, facts } = context;
  const sources = sourcesOf(base, recipe.repositories, context.store);
  const refreshed = await refreshLists(sources, base.name, context);
  if (!refreshed.ok) return refreshed;
  const engine = engineOf(base);
  // Nothing counts as installed here: then the version that the archives would give is the newest one.
  const status = {
    kind: "write-file",
    path: `${sources.root}/${engine.statusFile}`,
    mode: 0o644,
    content: "",
  } as const;
  const written = await performer.perform(status, watch);
  if (!written.ok) return written;
  const installed = installedBy(lock);
  if (installed.size === 0) return success([]);
  const { argv, environment } = engine.newest(sources.root, [...installed.keys()], facts);
  const asked = await performer.perform({ kind: "run", why: "read newest versions", argv, environment }, watch);
  if (!asked.ok) return asked;
  const newest = engine.readNewest(asked.value.output);
  return success(
    [...installed.values()].flatMap(({ name, version }) => {
      const now = newest.get(name);
      return now === undefined || now.version === version
        ? []
        : [{ name, before: version, after: now.version, security: now.security }];
    }),
  );
}
