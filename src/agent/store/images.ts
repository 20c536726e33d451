/**
 * Images: builds what a recipe needs. Two wishes for one image at a time build once, and both hear how it goes.
 *
 * A build ends early when the last who waited for it has left, and not before.
 */
import { createHash } from "node:crypto";
import {
  buildImage,
  endSwitches,
  sweepExports,
  findImage,
  type Image,
  type ImageProblem,
  type ImageWanted,
  lockImage,
  settleLock,
  writeSbom,
} from "../../image/index.ts";
import type { Lock, Recipe } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import type { Progress, StepProblem } from "../../step/index.ts";
import { baseNameFor } from "./base-choice.ts";
import { type CatalogueProblem, findBase } from "../catalogue.ts";
import { type ComponentProblem, findComponents } from "../components.ts";
import { type AgentContext, imageContext, QUIET, type Work } from "../context.ts";
import { LayerHolds } from "./layer-holds.ts";
import { Turns } from "../turns.ts";

export type BuildImageProblem = ImageProblem | CatalogueProblem | ComponentProblem | StepProblem;

interface Building {
  readonly result: Promise<Result<Image, BuildImageProblem>>;
  readonly waiters: Set<Work>;
  readonly ending: AbortController;
  newest: Progress | undefined;
}

export class Images {
  /** What an earlier agent has left is ended or removed; before that, records may not fit together. */
  readonly swept: Promise<void>;
  readonly holds = new LayerHolds();
  readonly #context: AgentContext;
  /** One after another: they share the package engine's private root. */
  readonly #turns = new Turns(1);
  readonly #building = new Map<string, Building>();

  constructor(context: AgentContext) {
    this.#context = context;
    // A fault here is one of the first build too, which meets the same folders and will tell.
    this.swept = this.inTurn(async () => await this.#sweep()).catch(() => {});
  }

  /** Removes what builds have left that were killed. Nothing is being built: this agent is the only one. */
  async #sweep(): Promise<void> {
    const { performer, store } = this.#context;
    const halves = (await performer.list(store.debs)).filter((name) => name.endsWith(".part"));
    const left = (await performer.list(store.buildings)).map((name) => `${store.buildings}/${name}`);
    for (const path of [store.going, ...left, ...halves.map((name) => `${store.debs}/${name}`)])
      await performer.perform({ kind: "remove-tree", path }, QUIET);
    await endSwitches(imageContext(this.#context, QUIET));
    await sweepExports(imageContext(this.#context, QUIET));
  }

  /** @returns the image as it stands, or undefined where it has to be built */
  async find(recipe: Recipe): Promise<Result<Image | undefined, ComponentProblem>> {
    const wanted = await this.wanted(recipe, false);
    if (!wanted.ok) return wanted;
    const quiet = { signal: new AbortController().signal, report: () => {} };
    return success(await findImage(wanted.value, imageContext(this.#context, quiet)));
  }

  /** The image, built if it is missing. A caller that leaves does not end a build that others wait for. */
  async build(recipe: Recipe, work: Work): Promise<Result<Image, BuildImageProblem>> {
    const found = await this.find(recipe);
    if (!found.ok) return found;
    if (found.value !== undefined) return success(found.value);
    const key = JSON.stringify([
      recipe.name,
      recipe.base,
      recipe.components,
      recipe.packages,
      recipe.repositories,
      recipe.imported,
    ]);
    const running = this.#building.get(key);
    // One whose last waiter has just left is ending, and no answer for anybody.
    const building = running === undefined || running.ending.signal.aborted ? this.#begin(key, recipe) : running;
    building.waiters.add(work);
    // One who comes later hears at once how far it is.
    if (building.newest !== undefined) work.report(building.newest);
    try {
      return await Promise.race([building.result, whenLeft(work.signal)]);
    } finally {
      building.waiters.delete(work);
      if (building.waiters.size === 0) building.ending.abort();
    }
  }

  #begin(key: string, recipe: Recipe): Building {
    const waiters = new Set<Work>();
    const ending = new AbortController();
    const report = (event: Progress) => {
      building.newest = event;
      for (const waiter of waiters) waiter.report(event);
    };
    const result = this.inTurn(async () => await this.#build(recipe, { signal: ending.signal, report }));
    const building: Building = { result, waiters, ending, newest: undefined };
    this.#building.set(key, building);
    const forget = () => {
      if (this.#building.get(key) === building) this.#building.delete(key);
    };
    result.then(forget, forget);
    return building;
  }

  /** The image, built if it is missing, whose layers no purge takes until they are let go. */
  async held(
    recipe: Recipe,
    work: Work,
  ): Promise<Result<{ readonly image: Image; readonly release: () => void }, BuildImageProblem>> {
    for (;;) {
      const built = await this.build(recipe, work);
      if (!built.ok) return built;
      const release = this.holds.hold(built.value.layers);
      // What takes one of them away has to end first.
      if (release === undefined) await this.inTurn(async () => {});
      else {
        const found = await this.find(recipe);
        if (found.ok && found.value !== undefined) return success({ image: found.value, release });
        release();
        if (!found.ok) return found;
      }
    }
  }

  async lock(recipe: Recipe, update: boolean, work: Work): Promise<Result<Lock, BuildImageProblem>> {
    const wanted = await this.wanted(recipe, update);
    if (!wanted.ok) return wanted;
    const lock = await this.inTurn(async () => await lockImage(wanted.value, imageContext(this.#context, work)));
    if (lock.ok) {
      const packages = lock.value.layers.reduce((sum, layer) => sum + layer.packages.length, 0);
      await this.#context.audit.append({
        kind: "lock",
        recipe: recipe.name,
        lock: sha256(JSON.stringify(lock.value)),
        packages,
      });
    }
    return lock;
  }

  async #build(recipe: Recipe, work: Work): Promise<Result<Image, BuildImageProblem>> {
    const wanted = await this.wanted(recipe, false);
    if (!wanted.ok) return wanted;
    const built = await buildImage(wanted.value, imageContext(this.#context, work));
    if (built.ok) {
      const settled = await this.#settle(built.value, work);
      if (!settled.ok) return settled;
      const sbom = await writeSbom(built.value, imageContext(this.#context, work));
      if (!sbom.ok) return sbom;
      const lock = (await this.#context.performer.readText(this.#context.store.recipeLock(recipe.name))) ?? "";
      const image = built.value.layers.at(-1) ?? "";
      await this.#context.audit.append({ kind: "build", recipe: recipe.name, image, lock: sha256(lock) });
    }
    return built;
  }

  /** Compares digests with the lock, and puts what differs on record. */
  async #settle(image: Image, work: Work): Promise<Result<void, BuildImageProblem>> {
    const settled = await settleLock(image, imageContext(this.#context, work));
    if (!settled.ok) return settled;
    for (const { layer, locked, built } of settled.value)
      await this.#context.audit.append({ kind: "digest-differs", recipe: image.recipe, layer, locked, built });
    return success(undefined);
  }

  /**
   * A recipe with its base and components, as they are on the disk now.
   *
   * @param baseName - where another one than today's is meant
   */
  async wanted(recipe: Recipe, update: boolean, baseName?: string): Promise<Result<ImageWanted, ComponentProblem>> {
    const name = baseName === undefined ? await baseNameFor(recipe, this.#context) : success(baseName);
    if (!name.ok) return name;
    const base = await findBase(name.value, this.#context);
    if (!base.ok) return base;
    const components = await findComponents(recipe.components, base.value.name, this.#context);
    return components.ok ? success({ recipe, base: base.value, components: components.value, update }) : components;
  }

  /** One after another: builds, and what must not meet one. */
  async inTurn<Value>(work: () => Promise<Value>): Promise<Value> {
    return await this.#turns.take(work);
  }
}

/** Resolves when the caller has gone: it need not wait until the build has taken itself back. */
async function whenLeft(signal: AbortSignal): Promise<Result<never, { readonly kind: "interrupted" }>> {
  return await new Promise((resolve) => {
    const leave = () => resolve(refusal({ kind: "interrupted" }));
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave, { once: true });
  });
}

export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
