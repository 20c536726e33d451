/** Image and layer: what a built one is, and which key it has. */
import { createHash } from "node:crypto";
import type { LayerFacts, LockedLayer, LockedPackage, OsBase, Recipe } from "../model/index.ts";

/** Changes when a build of the same packages would give another tree. */
const BUILD_FORMAT = 3;

export interface LayerRecord {
  readonly key: string;
  /** SHA-256 of the tree's canonical form (host/tree/canonical.ts). */
  readonly digest: string;
  /** SHA-256 of the list of files beside it. */
  readonly filesDigest: string;
  /** Of the canonical form. */
  readonly bytes: number;
  /** `base`, or the component's or recipe's name. */
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
  /** What LANG is inside where it is not the built-in one. */
  readonly locale?: string;
  readonly passwd: string;
  readonly group: string;
  /** ISO time, UTC. */
  readonly built: string;
  /** Of one that others made. Nothing can build it again, so it has no lock. */
  readonly imported?: {
    /** SHA-256. */
    readonly manifest: string;
    /** ISO time, UTC: when its makers say that they made it. */
    readonly created: string;
    /** Of its layers as they were sealed, bottom first. */
    readonly digests: readonly string[];
  };
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
    // Left out where there are none, which is what most layers have.
    ...(Object.keys(layer.facts).length === 0 ? {} : { facts: factList(layer.facts) }),
    ...(layer.locale === undefined ? {} : { locale: layer.locale }),
  });
}

/** Always in the same order, so that it can be compared and hashed. */
export function factList({ gpus, locale }: LayerFacts): readonly (readonly [keyof LayerFacts, string])[] {
  return [
    ...(gpus === undefined ? [] : [["gpus", gpus] as const]),
    ...(locale === undefined ? [] : [["locale", locale] as const]),
  ];
}

/** Digest of the part of a recipe that its image depends on. */
export function recipeDigest(recipe: Recipe, base: OsBase): string {
  const { components, packages, repositories } = recipe;
  return digest({ base: base.name, components, packages, repositories });
}

/** 32 hexadecimal digits of SHA-256 over JSON. The caller makes the value with its keys always in the same order. */
export function digest(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 32);
}
