/**
 * Lock: exactly which package files an image is made of.
 *
 * Written when packages are resolved, kept until the owner asks for an update; a build reads only this and the store.
 */

import type { ComponentFact } from "./os-component.ts";

/** Version 1 had one time for all layers, and neither components nor repositories; it is still read. */
export const LOCK_VERSION = 2;

export interface Lock {
  readonly version: typeof LOCK_VERSION;
  /** Name of the OS base. */
  readonly base: string;
  readonly architecture: string;
  /** Bottom layer first: the base's, those of the components, then the app's. */
  readonly layers: readonly LockedLayer[];
}

export interface LockedLayer {
  readonly kind: "base" | "component" | "app";
  /** `base`, or the component's or recipe's name. */
  readonly name: string;
  /** ISO time of the resolution, UTC. One that came out the same keeps the time of the first. */
  readonly resolved: string;
  /** The facts that it was resolved with, as far as it declares them. */
  readonly facts: LayerFacts;
  /** Generated into it: `de_DE.UTF-8`. */
  readonly locale: string | undefined;
  /** The wishes it was resolved from: package names or patterns. */
  readonly wanted: readonly string[];
  /** Sorted by name. */
  readonly packages: readonly LockedPackage[];
  /** SHA-256 of the layer's canonical form, once it was built: what a rebuild has to give. */
  readonly digest?: string | undefined;
  /** Archives of the recipe's own that it could choose from; none for bases and components. */
  readonly repositories: readonly LockedRepository[];
}

export interface LockedRepository {
  readonly uri: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** Of the key's text: lower-case hexadecimal. */
  readonly keySha256: string;
  readonly mayReplace: boolean;
}

/** What a layer sees of a host's facts: `gpus: "intel"`, `locale: "de_DE.UTF-8"`. */
export type LayerFacts = Readonly<Partial<Record<ComponentFact, string>>>;

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
  /** Address of the archive's root, as the base or the recipe names it. */
  readonly archive: string;
  /** Path of the package file below the archive's root. */
  readonly path: string;
}
