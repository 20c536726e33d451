/** Image and layer: what a built one is, and which key it has. */
import { createHash } from "node:crypto";
import type { LockedLayer, LockedPackage, OsBase, Recipe } from "../model/index.ts";

/** Changes when a build of the same packages would give another tree. */
const BUILD_FORMAT = 3;

export interface LayerRecord {
  readonly key: string;
  /** SHA-256 of the tree's canonical form (host/tree/canonical.ts). */
  readonly digest: string;
  /** SHA-256 of the list of files beside it. */
  readonly filesDigest: string;
  /** `base`, or the recipe's name. */
  readonly name: string;
  readonly parent: string | undefined;
  readonly packages: readonly LockedPackage[];
  /** Text of the layer's passwd(5) and group(5), for a start to add its user to. */
  readonly passwd: string;
  readonly group: string;
  /** ISO time, UTC. */
  readonly built: string;
}

export interface Image {
  readonly recipe: string;
  /** Of the recipe's parts that a build depends on. */
  readonly recipeDigest: string;
  readonly base: string;
  /** Bottom layer first. */
  readonly layers: readonly string[];
  readonly passwd: string;
  readonly group: string;
  /** ISO time, UTC. */
  readonly built: string;
}

/** Key of a layer: 32 hexadecimal digits of a hash over all that its tree depends on. */
export function layerKey(layer: LockedLayer, base: OsBase, architecture: string, parent: string | undefined): string {
  const packages = layer.packages.map(({ name, version, sha256 }) => [name, version, sha256]);
  const mergedUsr = parent === undefined ? base.mergedUsr : [];
  return digest({
    format: BUILD_FORMAT,
    engine: base.engine,
    architecture,
    parent: parent ?? null,
    packages,
    mergedUsr,
  });
}

/** Digest of the part of a recipe that its image depends on. */
export function recipeDigest(recipe: Recipe, base: OsBase): string {
  return digest({ base: base.name, packages: recipe.packages });
}

/** 32 hexadecimal digits of SHA-256 over JSON. The caller makes the value with its keys always in the same order. */
export function digest(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 32);
}
