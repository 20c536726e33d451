/**
 * Keeper: looks after what is built. What it does is in a file of its own for each verb; here is who may do what when.
 *
 * Invariant: nothing that a keeper does touches data. Volumes, instances and deployments are no part of the store.
 */
import {
  type ExportedImage,
  agingText,
  type Image,
  type ImageWanted,
  outdatedPackages,
  readImage,
  readLock,
  readLockFile,
  readPrevious,
  writeSbom,
} from "../../image/index.ts";
import { type Lock, nearest } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import { baseNameFor } from "./base-choice.ts";
import { findBase, findDeployment, findRecipe } from "../catalogue.ts";
import { type AgentContext, imageContext, QUIET, type Work } from "../context.ts";
import type { AgentProblem } from "../explain.ts";
import { builtImages, imageSizes } from "./built-images.ts";
import { type ImageState, imageState } from "./image-state.ts";
import { diffImages, type ImageDiff, type ImageVersion } from "./image-diff.ts";
import type { Compartments } from "../compartments.ts";
import { exportTo } from "./export.ts";
import { importAs, type ImportedAs, type ImportWanted } from "./import.ts";
import { waitingFor } from "../grants/pending.ts";
import type { Images } from "./images.ts";
import { type Migrated, migrateImage } from "./migrate.ts";
import { purge, type Purged, type PurgeOptions } from "./purge.ts";
import { upgradeGuest } from "./renew-guest.ts";
import { rollbackImage, type Upgraded, upgradeImage, type UpgradeOptions } from "./upgrade.ts";
import { type ImageCheck, verifyImages } from "./verify-images.ts";

type Answer<Value> = Promise<Result<Value, AgentProblem>>;

export class Keeper {
  readonly #context: AgentContext;
  readonly #images: Images;
  readonly #compartments: Compartments;
  readonly #beforeChange: () => Promise<void>;

  /** @param beforeChange - called before anything is changed that a start may have been prepared from */
  constructor(context: AgentContext, images: Images, compartments: Compartments, beforeChange: () => Promise<void>) {
    this.#context = context;
    this.#compartments = compartments;
    this.#images = images;
    this.#beforeChange = beforeChange;
  }

  async sizes(): ReturnType<typeof imageSizes> {
    return await imageSizes(this.#context);
  }

  async state(image: Image): Promise<ImageState> {
    return await imageState(image, this.#images, this.#context);
  }

  /** @param names - recipes or instances; none means all images */
  async verify(names: readonly string[], work: Work): Answer<readonly ImageCheck[]> {
    const images = await this.#named(names);
    if (!images.ok) return images;
    return await this.#images.inTurn(async () => await verifyImages(images.value, this.#context, work));
  }

  async sbom(name: string): Answer<string> {
    const image = await this.#one(name);
    if (!image.ok) return image;
    const text = await writeSbom(image.value, imageContext(this.#context, QUIET));
    if (!text.ok || text.value !== "") return text;
    return refusal({ kind: "no-lock", recipe: image.value.recipe });
  }

  /** @param target - absolute path of what is to be made: a folder, or a file that ends in `.tar` */
  async export(name: string, target: string, work: Work): Answer<ExportedImage> {
    const image = await this.#one(name);
    if (!image.ok) return image;
    return await this.#images.inTurn(async () => await exportTo(image.value, target, this.#context, work));
  }

  async bringIn(wanted: ImportWanted, work: Work): Answer<ImportedAs> {
    await this.#images.swept;
    return await this.#images.inTurn(async () => {
      await this.#beforeChange();
      return await importAs(wanted, this.#context, work);
    });
  }

  /** @param left - a name, or `NAME@previous` */
  async diff(left: string, right: string): Answer<ImageDiff> {
    const [before, after] = [await this.#version(left), await this.#version(right)];
    if (!before.ok) return before;
    if (!after.ok) return after;
    return await diffImages(before.value, after.value, this.#context);
  }

  async outdated(names: readonly string[], work: Work): Answer<readonly Upgraded[]> {
    return await this.#each(names, work, async (wanted, lock) => {
      const context = imageContext(this.#context, work);
      const changes = await outdatedPackages(lock, wanted.base, wanted.recipe, context);
      return changes.ok ? success({ recipe: wanted.recipe.name, changes: changes.value, done: false }) : changes;
    });
  }

  async upgrade(names: readonly string[], options: UpgradeOptions, work: Work): Answer<readonly Upgraded[]> {
    return await this.#each(
      names,
      work,
      async (wanted) => {
        const upgraded = await upgradeImage(wanted, options, this.#context, work);
        if (upgraded.ok && !options.dryRun) await upgradeGuest(wanted.base, this.#context, work);
        const waiting = upgraded.ok ? await waitingFor(wanted.recipe.name, this.#context) : [];
        for (const text of waiting) work.report({ kind: "note", text });
        return upgraded;
      },
      this.#beforeChange,
    );
  }

  async rollback(name: string, work: Work): Answer<Upgraded> {
    const image = await this.#one(name);
    if (!image.ok) return image;
    return await this.#images.inTurn(async () => {
      const previous = await readPrevious(image.value.recipe, imageContext(this.#context, work));
      const wanted = await this.#wantedFor(image.value.recipe, previous?.migration);
      if (!wanted.ok) return wanted;
      await this.#beforeChange();
      return await rollbackImage(wanted.value, this.#context, work);
    });
  }

  /**
   * @param name - recipe or instance; it need not be built
   * @param to - a base; empty for the successor of the present one
   */
  async migrate(name: string, to: string, dryRun: boolean, work: Work): Answer<Migrated> {
    const deployment = await findDeployment(name, this.#context);
    const found = await findRecipe(deployment.ok ? deployment.value.thing.recipe : name, this.#context);
    if (!found.ok) return found;
    await this.#images.swept;
    return await this.#images.inTurn(async (): Answer<Migrated> => {
      const recipe = found.value.thing;
      if (recipe.imported !== undefined) return refusal({ kind: "was-imported", recipe: recipe.name });
      const from = await baseNameFor(recipe, this.#context);
      if (!from.ok) return from;
      const old = to === "" ? await findBase(from.value, this.#context) : undefined;
      if (old?.ok === false) return old;
      const next = old === undefined ? to : old.value.successor;
      if (next === undefined) return refusal({ kind: "no-successor", recipe: recipe.name, base: from.value });
      const wanted = await this.#images.wanted(recipe, false, next);
      if (!wanted.ok) return wanted;
      if (!dryRun) await this.#beforeChange();
      return await migrateImage(from.value, wanted.value, dryRun, this.#context, work);
    });
  }

  /** One image after another; where all are meant, one whose recipe is gone is told and left alone. */
  async #each(
    names: readonly string[],
    work: Work,
    act: (wanted: ImageWanted, lock: Lock) => Answer<Upgraded>,
    before: () => Promise<void> = async () => {},
  ): Answer<readonly Upgraded[]> {
    const images = await this.#named(names);
    if (!images.ok) return images;
    const results: Upgraded[] = [];
    for (const { recipe } of images.value) {
      const result = await this.#images.inTurn(async (): Answer<Upgraded | undefined> => {
        const wanted = await this.#wantedFor(recipe);
        if (!wanted.ok && names.length === 0 && wanted.problem.kind === "no-such") {
          work.report({ kind: "note", text: `${recipe} has no recipe any more; its image stays as it is` });
          return success(undefined);
        }
        if (!wanted.ok) return wanted;
        if (wanted.value.recipe.imported !== undefined)
          return names.length === 0 ? success(undefined) : refusal({ kind: "was-imported", recipe });
        const { base } = wanted.value;
        if (base.state === "retired" && names.length === 0) {
          work.report({ kind: "note", text: agingText(base, recipe) ?? "" });
          return success(undefined);
        }
        const lock = await readLockFile(this.#context.store.recipeLock(recipe), this.#context);
        if (!lock.ok) return lock;
        if (lock.value === undefined) return refusal({ kind: "no-lock", recipe });
        await before();
        return await act(wanted.value, lock.value);
      });
      if (!result.ok) return result;
      if (result.value !== undefined) results.push(result.value);
    }
    return success(results);
  }

  /** @param migration - of which time; undefined for now */
  async #wantedFor(name: string, migration?: string): Answer<ImageWanted> {
    const recipe = await findRecipe(name, this.#context);
    if (!recipe.ok) return recipe;
    const base = await baseNameFor(recipe.value.thing, this.#context, migration);
    return base.ok ? await this.#images.wanted(recipe.value.thing, false, base.value) : base;
  }

  async #version(name: string): Answer<ImageVersion> {
    const [plain = "", which, ...rest] = name.split("@");
    const image = await this.#one(plain);
    if (!image.ok) return image;
    const { recipe } = image.value;
    const context = imageContext(this.#context, QUIET);
    if (which === undefined) {
      const lock = await readLockFile(context.store.recipeLock(recipe), context);
      if (!lock.ok) return lock;
      return lock.value === undefined
        ? refusal({ kind: "no-lock", recipe })
        : success({ image: image.value, lock: lock.value });
    }
    const previous = which === "previous" && rest.length === 0 ? await readPrevious(recipe, context) : undefined;
    const older = previous === undefined ? undefined : readImage(previous.image);
    const lock = previous === undefined ? undefined : readLock(previous.lock, context.store.previous(recipe));
    if (older === undefined || lock === undefined) return refusal({ kind: "no-previous", recipe });
    return lock.ok ? success({ image: older, lock: lock.value }) : lock;
  }

  /** @param names - recipes or instances */
  async purge(names: readonly string[], options: Omit<PurgeOptions, "recipes">, work: Work): Answer<Purged> {
    const images = names.length === 0 ? success([]) : await this.#named(names);
    if (!images.ok) return images;
    const recipes = images.value.map(({ recipe }) => recipe);
    return await this.#images.inTurn(async () => {
      const { holds } = this.#images;
      const drop = async () => await this.#beforeChange();
      return await purge({ ...options, recipes }, this.#compartments, holds, drop, this.#context, work);
    });
  }

  async #one(name: string): Answer<Image> {
    const found = await this.#named([name]);
    if (!found.ok) return found;
    const [image] = found.value;
    if (image === undefined) throw new Error("a name without an image");
    return success(image);
  }

  /** The images that are meant; all where nothing is named. */
  async #named(names: readonly string[]): Answer<readonly Image[]> {
    await this.#images.swept;
    const all = await builtImages(this.#context);
    if (names.length === 0) return success(all);
    const found: Image[] = [];
    for (const name of new Set(names)) {
      const deployment = await findDeployment(name, this.#context);
      const recipe = deployment.ok ? deployment.value.thing.recipe : name;
      const image = all.find((each) => each.recipe === recipe);
      if (image === undefined) {
        const meant = nearest(
          name,
          all.map((each) => each.recipe),
        );
        return refusal({ kind: "no-image", name, meant });
      }
      if (!found.includes(image)) found.push(image);
    }
    return success(found);
  }
}
