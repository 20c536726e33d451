/**
 * Lock: exactly which package files an image is made of.
 *
 * Written when packages are resolved, kept until the owner asks for an update; a build reads only this and the store.
 */

export const LOCK_VERSION = 1;

export interface Lock {
  readonly version: typeof LOCK_VERSION;
  /** Name of the OS base. */
  readonly base: string;
  readonly architecture: string;
  /** ISO time of the resolution, UTC. */
  readonly resolved: string;
  /** Bottom layer first: the base's, then the app's. */
  readonly layers: readonly LockedLayer[];
}

export interface LockedLayer {
  /** `base`, or the recipe's name. */
  readonly name: string;
  /** The wishes it was resolved from: package names or patterns. */
  readonly wanted: readonly string[];
  /** Sorted by name. */
  readonly packages: readonly LockedPackage[];
  /** SHA-256 of the layer's canonical form, once it was built: what a rebuild has to give. */
  readonly digest?: string | undefined;
}

export interface LockedPackage {
  readonly name: string;
  /** As dpkg(1) writes it, epoch included. */
  readonly version: string;
  /** `amd64`, `all`. */
  readonly architecture: string;
  /** Bytes of the package file. */
  readonly size: number;
  /** Lower-case hexadecimal, of the package file. */
  readonly sha256: string;
  /** Address of the archive's root, as the base names it. */
  readonly archive: string;
  /** Path of the package file below the archive's root. */
  readonly path: string;
}
