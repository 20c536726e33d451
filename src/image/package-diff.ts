/** Package diff: what one lock installs and another does not, or in another version. Pure. */
import type { Lock, LockedPackage, OsBase } from "../model/index.ts";

export interface PackageChange {
  readonly name: string;
  /** Undefined for one that is new. */
  readonly before: string | undefined;
  /** Undefined for one that goes. */
  readonly after: string | undefined;
  /** Comes from an archive that brings nothing but security updates. */
  readonly security: boolean;
}

/** @returns changes by name; the same version with another content counts as a change too */
export function diffPackages(before: Lock, after: Lock, base: OsBase | undefined): readonly PackageChange[] {
  const [left, right] = [installedBy(before), installedBy(after)];
  const names = [...new Set([...left.keys(), ...right.keys()])].toSorted();
  return names.flatMap((name) => {
    const [was, is] = [left.get(name), right.get(name)];
    if (was?.version === is?.version && was?.sha256 === is?.sha256) return [];
    const security = is !== undefined && base !== undefined && isSecurity(is, base);
    return [{ name, before: was?.version, after: is?.version, security }];
  });
}

/** A package of a higher layer stands for one of the same name below. */
export function installedBy(lock: Lock): ReadonlyMap<string, LockedPackage> {
  return new Map(lock.layers.flatMap(({ packages }) => packages.map((each) => [each.name, each] as const)));
}

/** Debian calls such suites `NAME-security`. */
export function isSecurity({ archive }: LockedPackage, base: OsBase): boolean {
  const suites = base.archives.filter(({ uri }) => uri === archive).flatMap((each) => each.suites);
  return suites.length > 0 && suites.every((suite) => suite.endsWith("-security"));
}

/**
 * The old lock with what the new one takes from security archives. All else stays as it was, and what is new and no
 * security update stays out: where the two cannot be together, the build says so.
 *
 * @returns undefined where the locks are not of the same layers
 */
export function securityOnly(before: Lock, after: Lock, base: OsBase): Lock | undefined {
  const shape = ({ layers }: Lock) => JSON.stringify(layers.map(({ kind, name, wanted }) => [kind, name, wanted]));
  if (shape(before) !== shape(after)) return undefined;
  const layers = before.layers.map((layer, index) => {
    const fresh = after.layers[index];
    const secure = (fresh?.packages ?? []).filter((each) => isSecurity(each, base));
    const names = new Set(secure.map(({ name }) => name));
    const packages = [...layer.packages.filter(({ name }) => !names.has(name)), ...secure].toSorted((left, right) =>
      left.name < right.name ? -1 : 1,
    );
    if (JSON.stringify(packages) === JSON.stringify(layer.packages)) return layer;
    return { ...layer, resolved: fresh?.resolved ?? layer.resolved, packages, digest: undefined };
  });
  return { ...before, layers };
}
