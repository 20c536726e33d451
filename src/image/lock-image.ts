/**
 * Lock: a recipe's wishes, resolved layer by layer.
 *
 * Layers below an app are shared: the lock of a base, and of each component on each stack, stays until the owner asks
 * for an update, and recipes are resolved on top of what they install. A lock that does not fit its recipe or the host's
 * facts any more is made anew; one that fits is never changed.
 */
import {
  LOCK_VERSION,
  type Lock,
  type LockedLayer,
  type OsBase,
  type OsComponent,
  type Recipe,
} from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";
import type { StepProblem } from "../step/index.ts";
import type { BuildProblem } from "./build-layer.ts";
import { wishOf } from "./component-facts.ts";
import { changedFacts, componentFits, fits, same } from "./fits.ts";
import { digest, factList } from "./image.ts";
import { agingText } from "./aging.ts";
import { type BadLock, readLock, writeLock } from "./lock-file.ts";
import { lockedRepository, nestedRepository, replacing, sourcesOf } from "./repositories.ts";
import { archiveNames, type ImageContext, type ResolveProblem, refreshLists, resolveLayer } from "./resolve.ts";
import { EMPTY_STACK, type Stack, stackKeys, withLayer } from "./stack.ts";

export type ImageProblem =
  | BuildProblem
  | ResolveProblem
  | BadLock
  | { readonly kind: "was-imported"; readonly recipe: string }
  | { readonly kind: "own-system"; readonly recipe: string };

export interface ImageWanted {
  readonly recipe: Recipe;
  readonly base: OsBase;
  /** Those that the recipe names and all that they need, in their order in the stack. */
  readonly components: readonly OsComponent[];
  /** Resolve anew, also where there is a lock that fits. */
  readonly update: boolean;
}

/** @returns the recipe's lock, with the layers below it built, since resolving needs to know what they install */
export async function lockImage(wanted: ImageWanted, context: ImageContext): Promise<Result<Lock, ImageProblem>> {
  const { recipe, base, update } = wanted;
  if (recipe.imported !== undefined) return refusal({ kind: "was-imported", recipe: recipe.name });
  if (recipe.system !== undefined) return refusal({ kind: "own-system", recipe: recipe.name });
  const file = context.store.recipeLock(recipe.name);
  const kept = await readLockFile(file, context);
  // An update makes a new one, whatever is wrong with the old one.
  if (!kept.ok && !update) return kept;
  const before = kept.ok ? kept.value : undefined;
  if (before !== undefined && !update) {
    if (fits(before, wanted, context.facts)) {
      const astray = archiveAstray(before, wanted);
      if (astray === undefined) return success(before);
      return refusal({ kind: "bad-lock", file, because: `${base.name} has no archive ${astray}` });
    }
    const changed = changedFacts(before, wanted, context.facts);
    if (changed.length > 0)
      context.watch.report({ kind: "note", text: `the host has changed (${changed.join("; ")})` });
  }
  const fresh = await beginFresh(wanted, context);
  if (!fresh.ok) return fresh;

  const layers: LockedLayer[] = [];
  let stack = EMPTY_STACK;
  const add = async (layer: LockedLayer) => {
    layers.push(layer);
    const higher = await withLayer(stack, layer, base, context);
    if (higher.ok) stack = higher.value;
    return higher;
  };
  const bottom = await lockBase(base, update, context);
  if (!bottom.ok) return bottom;
  const added = await add(bottom.value);
  if (!added.ok) return added;
  for (const component of wanted.components) {
    const locked = await lockComponent(component, stack, wanted, context);
    if (!locked.ok) return locked;
    const higher = await add(locked.value);
    if (!higher.ok) return higher;
  }
  const app = await resolveApp(wanted, stack, context);
  if (!app.ok) return app;
  layers.push(keptIfSame(appBefore(before, stack, wanted), app.value));
  const lock: Lock = { version: LOCK_VERSION, base: base.name, architecture: context.facts.architecture, layers };
  return await keep(lock, file, context);
}

/** What has to hold before anything is resolved, with new lists. */
async function beginFresh({ recipe, base }: ImageWanted, context: ImageContext): Promise<Result<void, ImageProblem>> {
  if (base.state === "retired")
    return refusal({ kind: "retired-base", base: base.name, successor: base.successor, recipe: recipe.name });
  const aging = agingText(base, recipe.name);
  if (aging !== undefined) context.watch.report({ kind: "note", text: aging });
  const nested = nestedRepository(base, recipe.repositories, context.mirrors);
  if (nested !== undefined) return refusal(nested);
  const ofBase = await refreshLists(sourcesOf(base, [], context.store), base.name, context);
  if (!ofBase.ok || recipe.repositories.length === 0) return ofBase;
  const sources = sourcesOf(base, recipe.repositories, context.store);
  return await refreshLists(sources, `${recipe.name}'s repositories`, context);
}

async function lockBase(
  base: OsBase,
  update: boolean,
  context: ImageContext,
): Promise<Result<LockedLayer, ImageProblem>> {
  const file = context.store.baseLock(base.name);
  const kept = await readLockFile(file, context);
  if (!kept.ok && !update) return kept;
  const lock = kept.ok ? kept.value : undefined;
  const [before] = lock?.layers ?? [];
  const fitting =
    lock?.base === base.name &&
    lock.architecture === context.facts.architecture &&
    before?.kind === "base" &&
    same(before.wanted, base.packages);
  if (before !== undefined && fitting && !update) return success(before);
  const sources = sourcesOf(base, [], context.store);
  const packages = await resolveLayer("base", base.packages, "", sources, context);
  if (!packages.ok) return packages;
  const layer = layerOf("base", "base", base.packages, packages.value, context);
  return await keepShared(keptIfSame(before, layer), base, file, context);
}

/** The component's lock on this very stack, kept from another app or made now. */
async function lockComponent(
  component: OsComponent,
  stack: Stack,
  { base, update }: ImageWanted,
  context: ImageContext,
): Promise<Result<LockedLayer, ImageProblem>> {
  const wish = wishOf(component, context.facts);
  const key = digest([stack.keys.at(-1), wish.wanted, factList(wish.facts), wish.locale ?? ""]);
  const file = context.store.componentLock(base.name, component.name, key);
  const kept = await readLockFile(file, context);
  if (!kept.ok && !update) return kept;
  const [before] = (kept.ok ? kept.value?.layers : undefined) ?? [];
  if (before !== undefined && !update && componentFits(before, component, context.facts)) return success(before);
  const status = await statusOf(stack, context);
  const sources = sourcesOf(base, [], context.store);
  const packages = await resolveLayer(component.name, wish.wanted, status, sources, context);
  if (!packages.ok) return packages;
  const layer = layerOf("component", component.name, wish.wanted, packages.value, context);
  const { facts, locale } = wish;
  return await keepShared(keptIfSame(before, { ...layer, facts, locale }), base, file, context);
}

async function resolveApp(
  { recipe, base }: ImageWanted,
  stack: Stack,
  context: ImageContext,
): Promise<Result<LockedLayer, ImageProblem>> {
  const { packages: wishes, repositories } = recipe;
  const sources = sourcesOf(base, repositories, context.store);
  const packages = await resolveLayer(recipe.name, wishes, await statusOf(stack, context), sources, context);
  if (!packages.ok) return packages;
  if (repositories.length > 0) {
    const known = await archiveNames(sourcesOf(base, [], context.store), context);
    if (!known.ok) return known;
    const names = new Set([...known.value, ...stack.installed.map(({ name }) => name)]);
    const replaced = replacing(packages.value, repositories, names);
    if (replaced !== undefined) return refusal(replaced);
  }
  const layer = layerOf("app", recipe.name, wishes, packages.value, context);
  return success({ ...layer, repositories: repositories.map(lockedRepository) });
}

function layerOf(
  kind: LockedLayer["kind"],
  name: string,
  wanted: readonly string[],
  packages: LockedLayer["packages"],
  context: ImageContext,
): LockedLayer {
  return { kind, name, resolved: context.now(), facts: {}, locale: undefined, wanted, packages, repositories: [] };
}

/** What came out as it was is the layer that it was, with its time and the digest that a build of it has to give. */
function keptIfSame(before: LockedLayer | undefined, layer: LockedLayer): LockedLayer {
  if (before === undefined || !same(layerParts(before), layerParts(layer))) return layer;
  const { resolved, digest } = before;
  return { ...layer, resolved, ...(digest === undefined ? {} : { digest }) };
}

/** The app's layer of the kept lock, where it stood on the same layers: on others it would come out another. */
function appBefore(before: Lock | undefined, { keys }: Stack, { base }: ImageWanted): LockedLayer | undefined {
  const below = before?.layers.slice(0, -1) ?? [];
  return before !== undefined && same(stackKeys(below, base, before.architecture), keys)
    ? before.layers.at(-1)
    : undefined;
}

function layerParts({ name, facts, locale, packages, repositories }: LockedLayer) {
  return [name, factList(facts), locale ?? "", packages, repositories];
}

async function statusOf({ keys }: Stack, { performer, store }: ImageContext): Promise<string> {
  return (await performer.readText(store.layerStatus(keys.at(-1) ?? ""))) ?? "";
}

/** A lock chooses among what the base's and the recipe's archives have; one of its own it must not bring. */
function archiveAstray(lock: Lock, { base, recipe }: ImageWanted): string | undefined {
  const ofBase = base.archives.map(({ uri }) => uri);
  const ofApp = recipe.repositories.map(({ uri }) => uri);
  return lock.layers
    .flatMap(({ kind, packages }) => {
      const known = new Set(kind === "app" ? [...ofBase, ...ofApp] : ofBase);
      return packages.filter(({ archive }) => !known.has(archive));
    })
    .at(0)?.archive;
}

export async function readLockFile(
  file: string,
  context: Pick<ImageContext, "performer">,
): Promise<Result<Lock | undefined, BadLock>> {
  const text = await context.performer.readText(file);
  return text === undefined ? success(undefined) : readLock(text, file);
}

async function keep(lock: Lock, path: string, { performer, watch }: ImageContext): Promise<Result<Lock, StepProblem>> {
  const written = await performer.perform({ kind: "write-file", path, mode: 0o644, content: writeLock(lock) }, watch);
  return written.ok ? success(lock) : written;
}

/** Keeps the lock of one layer that many images stand on. */
async function keepShared(
  layer: LockedLayer,
  base: OsBase,
  file: string,
  context: ImageContext,
): Promise<Result<LockedLayer, StepProblem>> {
  const { architecture } = context.facts;
  const kept = await keep({ version: LOCK_VERSION, base: base.name, architecture, layers: [layer] }, file, context);
  return kept.ok ? success(layer) : kept;
}
