/**
 * Repositories: a recipe's own archives beside the base's.
 *
 * Invariants
 * - A repository's key vouches for that repository alone, and no other key for it.
 * - Which archive a package came from is told by its address, so no archive may lie in another.
 * - What the base has too comes from the base. A repository that may not replace is never the origin of such a package,
 *   whatever its lists say: apt is told to prefer the base, and the outcome is checked.
 */
import { createHash } from "node:crypto";
import type { Archive, LockedPackage, LockedRepository, OsBase, Repository } from "../model/index.ts";
import { type Mirrors, mirrorOf } from "../package-engines/index.ts";
import { digest } from "./image.ts";
import type { Store } from "./store.ts";

export type RepositoryProblem =
  | { readonly kind: "repository-astray"; readonly uri: string; readonly other: string }
  | { readonly kind: "repository-replaces"; readonly uri: string; readonly packages: readonly string[] };

/** Archives to resolve from, with the private root that knows them. */
export interface Sources {
  readonly base: OsBase;
  readonly root: string;
}

export function sourcesOf(base: OsBase, repositories: readonly Repository[], store: Store): Sources {
  if (repositories.length === 0) return { base, root: store.engineRoot(base.name) };
  return {
    base: { ...base, archives: [...base.archives, ...repositories.map(archiveOf)] },
    root: store.engineRoot(base.name, digest(repositories)),
  };
}

export function lockedRepository(repository: Repository): LockedRepository {
  const { uri, suites, components, mayReplace } = repository;
  const keySha256 = createHash("sha256").update(armoredKey(repository)).digest("hex");
  return { uri, suites, components, keySha256, mayReplace };
}

/** @returns the first repository that is, holds or lies in an archive of the base, on its own or at the mirror */
export function nestedRepository(
  base: OsBase,
  repositories: readonly Repository[],
  mirrors: Mirrors,
): RepositoryProblem | undefined {
  for (const repository of repositories) {
    const own = [repository.uri, mirrorOf(repository, mirrors)];
    for (const archive of base.archives) {
      const others = [archive.uri, mirrorOf(archive, mirrors)];
      if (own.some((uri) => others.some((other) => isWithin(uri, other) || isWithin(other, uri))))
        return { kind: "repository-astray", uri: repository.uri, other: archive.uri };
    }
  }
  return undefined;
}

/**
 * @param known - names of packages that the base's archives have, or that are installed below
 * @returns the first repository that would bring one of them without being allowed to
 */
export function replacing(
  packages: readonly LockedPackage[],
  repositories: readonly Repository[],
  known: ReadonlySet<string>,
): RepositoryProblem | undefined {
  for (const { uri, mayReplace } of repositories) {
    if (mayReplace) continue;
    const names = packages.filter(({ archive, name }) => archive === uri && known.has(name)).map(({ name }) => name);
    if (names.length > 0) return { kind: "repository-replaces", uri, packages: names };
  }
  return undefined;
}

function archiveOf(repository: Repository): Archive {
  const { uri, suites, components, mayReplace } = repository;
  const trusts = { armored: armoredKey(repository) };
  return { uri, suites, components, trusts, snapshotName: undefined, yields: !mayReplace };
}

/** The file was read with the recipe; a repository without its key must never come as far as this. */
function armoredKey({ uri, key }: Repository): string {
  if (!("armored" in key)) throw new Error(`the key of ${uri} has not been read`);
  return key.armored;
}

function isWithin(uri: string, other: string): boolean {
  return `${uri}/`.startsWith(`${other}/`);
}
