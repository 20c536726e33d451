/**
 * Lock and build: a recipe's whole way to an image.
 *
 * Base layers are shared: a base's lock stays until the owner asks for an update, and recipes are resolved on top of
 * what it installed. A lock that does not fit its recipe any more is made anew; one that fits is never changed.
 */
import {
  LOCK_VERSION,
  type Lock,
  type LockedLayer,
  type LockedPackage,
  type OsBase,
  type Recipe,
} from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";
import type { StepProblem } from "../step/index.ts";
import { type BuildProblem, buildLayer } from "./build-layer.ts";
import { type Image, type LayerRecord, layerKey, recipeDigest } from "./image.ts";
import { type BadLock, readLock, writeLock } from "./lock-file.ts";
import { type ImageContext, type ResolveProblem, refreshLists, resolveLayer } from "./resolve.ts";

export type ImageProblem = BuildProblem | ResolveProblem | BadLock;

export interface ImageWanted {
  readonly recipe: Recipe;
  readonly base: OsBase;
  /** Resolve anew, also where there is a lock that fits. */
  readonly update: boolean;
}

/** @returns the recipe's lock, with the base layer built, since resolving needs to know what it installs */
export async function lockImage(wanted: ImageWanted, context: ImageContext): Promise<Result<Lock, ImageProblem>> {
  const { recipe, base, update } = wanted;
  if (!update) {
    const kept = await readLockFile(context.store.recipeLock(recipe.name), context);
    if (!kept.ok) return kept;
    if (kept.value !== undefined && fits(kept.value, recipe, base, context.facts.architecture)) {
      const astray = archiveAstray(kept.value, base);
      if (astray === undefined) return success(kept.value);
      const because = `${base.name} has no archive ${astray}`;
      return refusal({ kind: "bad-lock", file: context.store.recipeLock(recipe.name), because });
    }
  }
  if (base.state === "retired") return refusal({ kind: "retired-base", base: base.name });
  if (base.state === "deprecated")
    context.watch.report({
      kind: "note",
      text: `${base.name} is deprecated${base.until === undefined ? "" : ` and will be retired on ${base.until}`}`,
    });

  const refreshed = await refreshLists(base, context);
  if (!refreshed.ok) return refreshed;
  const baseLock = await lockBase(base, update, context);
  if (!baseLock.ok) return baseLock;
  const [bottom] = baseLock.value.layers;
  if (bottom === undefined)
    return refusal({ kind: "bad-lock", file: context.store.baseLock(base.name), because: "no layers" });
  const built = await buildBase(bottom, baseLock.value, base, context);
  if (!built.ok) return built;
  const status = (await context.performer.readText(context.store.layerStatus(built.value.key))) ?? "";
  const resolved = await resolveLayer(recipe.name, recipe.packages, status, base, context);
  if (!resolved.ok) return resolved;
  const lock: Lock = {
    version: LOCK_VERSION,
    base: base.name,
    architecture: context.facts.architecture,
    resolved: context.now(),
    layers: [bottom, resolved.value],
  };
  return await keep(lock, context.store.recipeLock(recipe.name), context);
}

/** Builds what is missing of a locked image. */
export async function buildImage(wanted: ImageWanted, context: ImageContext): Promise<Result<Image, ImageProblem>> {
  const locked = await lockImage(wanted, context);
  if (!locked.ok) return locked;
  const lock = locked.value;
  const below: string[] = [];
  let expected: readonly LockedPackage[] = [];
  let top: LayerRecord | undefined;
  for (const layer of lock.layers) {
    if (top !== undefined && layer.packages.length === 0) continue;
    expected = joined(expected, layer.packages);
    const key = layerKey(layer, wanted.base, lock.architecture, below.at(-1));
    const built = await buildLayer(
      { key, layer, base: wanted.base, below: [...below], expected, resolved: lock.resolved },
      context,
    );
    if (!built.ok) return built;
    top = built.value;
    below.push(key);
  }
  if (top === undefined)
    return refusal({ kind: "bad-lock", file: context.store.recipeLock(wanted.recipe.name), because: "no layers" });
  const image: Image = {
    recipe: wanted.recipe.name,
    recipeDigest: recipeDigest(wanted.recipe, wanted.base),
    base: wanted.base.name,
    layers: below,
    passwd: top.passwd,
    group: top.group,
    built: top.built,
  };
  const content = `${JSON.stringify(image, undefined, 1)}\n`;
  const path = context.store.image(image.recipe);
  const written = await context.performer.perform({ kind: "write-file", path, mode: 0o644, content }, context.watch);
  return written.ok ? success(image) : written;
}

/** @returns the image as it was last built, if it is whole and still what the recipe and its lock ask for */
export async function findImage(wanted: ImageWanted, context: ImageContext): Promise<Image | undefined> {
  const text = await context.performer.readText(context.store.image(wanted.recipe.name));
  const lock = await readLockFile(context.store.recipeLock(wanted.recipe.name), context);
  if (text === undefined || !lock.ok || lock.value === undefined) return undefined;
  if (!fits(lock.value, wanted.recipe, wanted.base, context.facts.architecture)) return undefined;
  const image = readImage(text);
  if (image === undefined) return undefined;
  const keys: string[] = [];
  for (const [index, layer] of lock.value.layers.entries()) {
    if (index > 0 && layer.packages.length === 0) continue;
    keys.push(layerKey(layer, wanted.base, lock.value.architecture, keys.at(-1)));
  }
  if (image.layers.length !== keys.length || image.layers.some((key, index) => key !== keys[index])) return undefined;
  for (const key of keys) {
    if ((await context.performer.readText(context.store.layerRecord(key))) === undefined) return undefined;
  }
  return image;
}

/** @returns undefined for what is no image's record; it is then made anew */
function readImage(text: string): Image | undefined {
  try {
    const image: Image = JSON.parse(text);
    return Array.isArray(image.layers) ? image : undefined;
  } catch {
    return undefined;
  }
}

async function lockBase(base: OsBase, update: boolean, context: ImageContext): Promise<Result<Lock, ImageProblem>> {
  const file = context.store.baseLock(base.name);
  if (!update) {
    const kept = await readLockFile(file, context);
    if (!kept.ok) return kept;
    const fitting =
      kept.value?.base === base.name &&
      kept.value.architecture === context.facts.architecture &&
      same(kept.value.layers[0]?.wanted ?? [], base.packages);
    if (kept.value !== undefined && fitting) return success(kept.value);
  }
  const layer = await resolveLayer("base", base.packages, "", base, context);
  if (!layer.ok) return layer;
  const architecture = context.facts.architecture;
  return await keep(
    { version: LOCK_VERSION, base: base.name, architecture, resolved: context.now(), layers: [layer.value] },
    file,
    context,
  );
}

async function buildBase(
  layer: LockedLayer,
  lock: Lock,
  base: OsBase,
  context: ImageContext,
): Promise<Result<LayerRecord, BuildProblem>> {
  const key = layerKey(layer, base, lock.architecture, undefined);
  return await buildLayer({ key, layer, base, below: [], expected: layer.packages, resolved: lock.resolved }, context);
}

async function readLockFile(file: string, context: ImageContext): Promise<Result<Lock | undefined, BadLock>> {
  const text = await context.performer.readText(file);
  return text === undefined ? success(undefined) : readLock(text, file);
}

async function keep(lock: Lock, path: string, { performer, watch }: ImageContext): Promise<Result<Lock, StepProblem>> {
  const written = await performer.perform({ kind: "write-file", path, mode: 0o644, content: writeLock(lock) }, watch);
  return written.ok ? success(lock) : written;
}

function fits(lock: Lock, recipe: Recipe, base: OsBase, architecture: string): boolean {
  return (
    lock.base === base.name &&
    lock.architecture === architecture &&
    same(lock.layers.at(-1)?.wanted ?? [], recipe.packages)
  );
}

/** A lock chooses among what the base's archives have; an archive of its own it must not bring. */
function archiveAstray(lock: Lock, base: OsBase): string | undefined {
  const known = new Set(base.archives.map(({ uri }) => uri));
  return lock.layers.flatMap(({ packages }) => packages).find(({ archive }) => !known.has(archive))?.archive;
}

/** What is installed after a layer: its packages replace those of the same name below. */
function joined(below: readonly LockedPackage[], above: readonly LockedPackage[]): readonly LockedPackage[] {
  const replaced = new Set(above.map(({ name }) => name));
  return [...below.filter(({ name }) => !replaced.has(name)), ...above];
}

function same(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((word, index) => word === right[index]);
}
