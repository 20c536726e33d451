/**
 * Purge: removes images, and of the store what no image, nothing kept for a rollback and nothing that runs needs.
 *
 * Locks stay, and packages too unless they are asked for, so that what went can be built again without a network, to the
 * same digest. Called in turn with builds.
 *
 * Invariants
 * - Data is no part of the store: no volume, instance or deployment is named here.
 * - A layer loses its name first and its files then, so that what has its name is whole.
 */
import { builtLayers, type Image, readImage, readLock, readLockFile, readPrevious } from "../../image/index.ts";
import type { Lock } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import type { Measured, StepProblem } from "../../step/index.ts";
import { builtImages } from "./built-images.ts";
import { deploymentNames, findDeployment } from "../catalogue.ts";
import type { Compartments } from "../compartments.ts";
import { type AgentContext, imageContext, QUIET, type Work } from "../context.ts";
import { type ImageUses, imageUses } from "./image-uses.ts";
import type { LayerHolds } from "./layer-holds.ts";

export interface PurgeOptions {
  /** Recipes; what is meant by the other options where there are none. */
  readonly recipes: readonly string[];
  /** Those that no deployment names. */
  readonly unused: boolean;
  /** Those that were built before, ISO time. */
  readonly before: string | undefined;
  /** The oldest go until the rest takes no more than this. */
  readonly budgetBytes: number | undefined;
  /** Also package files that no image needs that stays. */
  readonly withPackages: boolean;
  readonly dryRun: boolean;
}

export interface Purged {
  readonly images: readonly string[];
  /** Images of which what was kept for a rollback went. */
  readonly previous: readonly string[];
  readonly layers: number;
  readonly packages: number;
  readonly bytes: number;
}

export type PurgeProblem =
  | StepProblem
  | { readonly kind: "image-in-use"; readonly recipe: string; readonly instance: string };

interface Kept {
  readonly image: Image;
  readonly previous: Image | undefined;
}

export async function purge(
  options: PurgeOptions,
  compartments: Compartments,
  holds: LayerHolds,
  dropLaunchers: () => Promise<void>,
  context: AgentContext,
  work: Work,
): Promise<Result<Purged, PurgeProblem>> {
  if (!options.dryRun) await dropLaunchers();
  work.report({ kind: "phase", text: "looking what is needed" });
  const uses = await imageUses(compartments, context);
  const all = await everything(context);
  const chosen = await choose(options, all, uses, context);
  if (!chosen.ok) return chosen;
  const { images, previous } = chosen.value;
  const stays = all.flatMap(({ image, previous: older }): Kept[] =>
    images.has(image.recipe) ? [] : [{ image, previous: previous.has(image.recipe) ? undefined : older }],
  );
  const layers = await spareLayers(stays, uses, context);
  const packages = options.withPackages ? await sparePackages(stays, context) : [];
  const bytes = await freed(layers, packages, context);
  if (!bytes.ok) return bytes;
  const result: Purged = {
    images: [...images],
    previous: [...previous].filter((recipe) => !images.has(recipe)),
    layers: layers.length,
    packages: packages.length,
    bytes: bytes.value,
  };
  if (options.dryRun) return success(result);
  work.report({ kind: "phase", text: "removing" });
  // A launcher that came while we looked: none comes any more once the records are gone, and who used it is seen now.
  const usesNow = async () => {
    await dropLaunchers();
    const now = await imageUses(compartments, context);
    const claimed = all.filter(({ image }) => now.recipes.has(image.recipe)).flatMap(({ image }) => image.layers);
    return { runs: now.runs, keys: new Set([...now.layers.keys(), ...claimed]) };
  };
  const removed = await remove(
    { images, previous, layers, packages, guests: options.withPackages, usesNow },
    holds,
    compartments,
    context,
  );
  if (!removed.ok) return removed;
  await context.audit.append({ kind: "purge", ...result });
  return success(result);
}

async function everything(context: AgentContext): Promise<readonly Kept[]> {
  return await Promise.all(
    (await builtImages(context)).map(async (image) => {
      const older = await readPrevious(image.recipe, imageContext(context, QUIET));
      return { image, previous: older === undefined ? undefined : readImage(older.image) };
    }),
  );
}

interface Choice {
  readonly images: ReadonlySet<string>;
  readonly previous: ReadonlySet<string>;
}

async function choose(
  options: PurgeOptions,
  all: readonly Kept[],
  uses: ImageUses,
  context: AgentContext,
): Promise<Result<Choice, PurgeProblem>> {
  const userOf = ({ layers, recipe }: Image) =>
    uses.recipes.get(recipe) ?? layers.map((key) => uses.layers.get(key)).at(-1);
  if (options.recipes.length > 0) {
    for (const { image } of all.filter((each) => options.recipes.includes(each.image.recipe))) {
      const instance = userOf(image);
      if (instance !== undefined) return refusal({ kind: "image-in-use", recipe: image.recipe, instance });
    }
    return success({ images: new Set(options.recipes), previous: new Set() });
  }
  const deployed = options.unused ? await deployedRecipes(context) : new Set<string>();
  const { before, budgetBytes } = options;
  const candidates = all
    .filter(({ image }) => userOf(image) === undefined && !deployed.has(image.recipe))
    .filter(({ image }) => before === undefined || image.built < before)
    .toSorted((left, right) => (left.image.built < right.image.built ? -1 : 1));
  if (budgetBytes === undefined)
    return success({ images: new Set(candidates.map(({ image }) => image.recipe)), previous: new Set() });
  return await withinBudget(budgetBytes, candidates, all, uses, context);
}

/** First what is only kept for rollbacks goes, then image after image, the oldest first. */
async function withinBudget(
  budgetBytes: number,
  candidates: readonly Kept[],
  all: readonly Kept[],
  uses: ImageUses,
  context: AgentContext,
): Promise<Result<Choice, PurgeProblem>> {
  const images = new Set<string>();
  const previous = new Set<string>();
  const steps = [
    ...all
      .filter((each) => each.previous !== undefined)
      .map(
        ({ image }) =>
          () =>
            previous.add(image.recipe),
      ),
    ...candidates.map(
      ({ image }) =>
        () =>
          images.add(image.recipe),
    ),
  ];
  for (;;) {
    const keys = new Set<string>(uses.layers.keys());
    for (const { image, previous: older } of all) {
      if (images.has(image.recipe)) continue;
      for (const key of [...image.layers, ...(previous.has(image.recipe) ? [] : (older?.layers ?? []))]) keys.add(key);
    }
    const taken = await measured([[...keys].map(context.store.layer)], context);
    if (!taken.ok) return taken;
    const step = steps.shift();
    if (taken.value.all <= budgetBytes || step === undefined) return success({ images, previous });
    step();
  }
}

async function deployedRecipes(context: AgentContext): Promise<ReadonlySet<string>> {
  const recipes = new Set<string>();
  for (const name of await deploymentNames(context)) {
    const found = await findDeployment(name, context);
    if (found.ok) recipes.add(found.value.thing.recipe);
  }
  return recipes;
}

/** Layers that nobody needs any more, the upper ones first. */
async function spareLayers(
  stays: readonly Kept[],
  uses: ImageUses,
  { performer, store }: AgentContext,
): Promise<readonly string[]> {
  const needed = new Set<string>(uses.layers.keys());
  for (const { image, previous } of stays)
    for (const key of [...image.layers, ...(previous?.layers ?? [])]) needed.add(key);
  return (await performer.list(store.layers)).filter((key) => !needed.has(key));
}

async function sparePackages(stays: readonly Kept[], context: AgentContext): Promise<readonly string[]> {
  const { performer, store } = context;
  const needed = new Set<string>();
  const need = (lock: Lock) => {
    for (const { packages } of builtLayers(lock)) for (const { sha256 } of packages) needed.add(sha256);
  };
  for (const { image, previous } of stays) {
    const lock = await readLockFile(store.recipeLock(image.recipe), context);
    if (lock.ok && lock.value !== undefined) need(lock.value);
    const older = previous === undefined ? undefined : await readPrevious(image.recipe, imageContext(context, QUIET));
    const olderLock = older === undefined ? undefined : readLock(older.lock, store.previous(image.recipe));
    if (olderLock?.ok === true) need(olderLock.value);
  }
  return (await performer.list(store.debs)).filter((name) => !needed.has(name.replace(/\.deb$/, "")));
}

/** What really comes free: a file that a layer shares with one that stays takes its room all the same. */
async function freed(
  layers: readonly string[],
  packages: readonly string[],
  context: AgentContext,
): Promise<Result<number, StepProblem>> {
  const { performer, store } = context;
  const going = new Set(layers);
  const staying = (await performer.list(store.layers)).filter((key) => !going.has(key));
  const paths = [...layers.map(store.layer), ...packages.map((name) => `${store.debs}/${name}`)];
  if (paths.length === 0) return success(0);
  const sizes = await measured([paths, staying.map(store.layer)], context);
  return sizes.ok ? success(sizes.value.groups[0]?.own ?? 0) : sizes;
}

async function measured(
  groups: readonly (readonly string[])[],
  { performer }: AgentContext,
): Promise<Result<Measured, StepProblem>> {
  const step = { kind: "work-on-tree", why: "measure images", task: { kind: "measure", groups } } as const;
  const done = await performer.perform(step, QUIET);
  if (!done.ok) return done;
  const sizes: Measured = JSON.parse(done.value.output);
  return success(sizes);
}

/** A start is on record before it lets its layers go, so one of the two knows of it at every moment. */
function runsFrom(layer: string, compartments: Compartments): boolean {
  return compartments
    .all()
    .some(({ record, state }) => (state === "running" || state === "frozen") && record.spec.layers.includes(layer));
}

interface Removal extends Choice {
  readonly layers: readonly string[];
  readonly packages: readonly string[];
  /** Also what virtual machines are started with. */
  readonly guests: boolean;
  readonly usesNow: () => Promise<{ readonly runs: boolean; readonly keys: ReadonlySet<string> }>;
}

async function remove(
  { images, previous, layers, packages, guests, usesNow }: Removal,
  holds: LayerHolds,
  compartments: Compartments,
  { performer, store }: AgentContext,
): Promise<Result<void, StepProblem>> {
  const gone = [
    ...[...images].flatMap((recipe) => [store.image(recipe), store.sbom(recipe), store.previous(recipe)]),
    ...[...previous].map(store.previous),
  ];
  // Records first: a layer without a record is only spare.
  for (const path of gone) {
    const done = await performer.perform({ kind: "remove-tree", path }, QUIET);
    if (!done.ok) return done;
  }
  const uses = await usesNow();
  const taken: string[] = [];
  try {
    for (const key of layers) {
      // Somebody has started from it since we looked, or is about to: it stays, and is spare for the next purge.
      if (uses.keys.has(key) || runsFrom(store.layerFs(key), compartments) || !holds.take(key)) continue;
      taken.push(key);
      const done = await performer.perform(
        { kind: "rename", from: store.layer(key), to: `${store.going}/${key}` },
        QUIET,
      );
      if (!done.ok) return done;
    }
  } finally {
    for (const key of taken) holds.give(key);
  }
  const rest = [
    store.going,
    ...packages.map((name) => `${store.debs}/${name}`),
    // Made again by the next start.
    ...(uses.runs || holds.any || compartments.all().some(({ state }) => state === "running")
      ? []
      : [store.allMountPoints, ...(guests ? [store.guests] : [])]),
    // Of what is gone by now none is of use, and which they are is not looked for. Who runs from one keeps it.
    ...(layers.length > 0 || guests ? [store.templates] : []),
  ];
  for (const path of rest) {
    const done = await performer.perform({ kind: "remove-tree", path }, QUIET);
    if (!done.ok) return done;
  }
  return success(undefined);
}
