/** Build: a recipe's whole way to an image, and the look whether it is there already. */
import type { Recipe } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";
import { fits } from "./fits.ts";
import { type Image, recipeDigest } from "./image.ts";
import { type ImageProblem, type ImageWanted, lockImage, readLockFile } from "./lock-image.ts";
import { sourcesOf } from "./repositories.ts";
import type { ImageContext } from "./resolve.ts";
import { EMPTY_STACK, stackKeys, withLayer } from "./stack.ts";

/** Builds what is missing of a locked image. */
export async function buildImage(wanted: ImageWanted, context: ImageContext): Promise<Result<Image, ImageProblem>> {
  const locked = await lockImage(wanted, context);
  if (!locked.ok) return locked;
  const { recipe, base } = wanted;
  // An app's packages may come from its own archives; those of the layers below never do (lock-image.ts).
  const sources = sourcesOf(base, recipe.repositories, context.store);
  let stack = EMPTY_STACK;
  for (const layer of locked.value.layers) {
    const higher = await withLayer(stack, layer, sources.base, context);
    if (!higher.ok) return higher;
    stack = higher.value;
  }
  const { keys, top, locale } = stack;
  if (top === undefined)
    return refusal({ kind: "bad-lock", file: context.store.recipeLock(recipe.name), because: "no layers" });
  const image: Image = {
    recipe: recipe.name,
    recipeDigest: recipeDigest(recipe, base),
    base: base.name,
    layers: keys,
    ...(locale === undefined ? {} : { locale }),
    passwd: top.passwd,
    group: top.group,
    built: top.built,
  };
  const content = `${JSON.stringify(image, undefined, 1)}\n`;
  const path = context.store.image(image.recipe);
  const written = await context.performer.perform({ kind: "write-file", path, mode: 0o644, content }, context.watch);
  return written.ok ? success(image) : written;
}

/**
 * @returns the image as it was last built, if it is whole and still what the recipe, its lock and the facts of this host
 *   ask for
 */
export async function findImage(wanted: ImageWanted, context: ImageContext): Promise<Image | undefined> {
  if (wanted.recipe.system !== undefined) return systemImage(wanted.recipe);
  const text = await context.performer.readText(context.store.image(wanted.recipe.name));
  if (wanted.recipe.imported !== undefined) return await findImported(wanted.recipe.imported, text, context);
  const lock = await readLockFile(context.store.recipeLock(wanted.recipe.name), context);
  if (text === undefined || !lock.ok || lock.value === undefined) return undefined;
  if (!fits(lock.value, wanted, context.facts)) return undefined;
  const image = readImage(text);
  if (image === undefined) return undefined;
  const keys = stackKeys(lock.value.layers, wanted.base, lock.value.architecture);
  if (image.layers.length !== keys.length || image.layers.some((key, index) => key !== keys[index])) return undefined;
  return (await areThere(keys, context)) ? image : undefined;
}

/** What is on the owner's disks is not ours to build. */
function systemImage({ name }: Recipe): Image {
  return { recipe: name, recipeDigest: "", base: "", layers: [], passwd: "", group: "", built: "" };
}

async function findImported(
  manifest: string,
  text: string | undefined,
  context: ImageContext,
): Promise<Image | undefined> {
  const image = text === undefined ? undefined : readImage(text);
  if (image?.imported?.manifest !== manifest) return undefined;
  return (await areThere(image.layers, context)) ? image : undefined;
}

/** What has its final name is whole. */
async function areThere(keys: readonly string[], { performer, store }: ImageContext): Promise<boolean> {
  const there = new Set(await performer.list(store.layers));
  return keys.every((key) => there.has(key));
}

/** @returns undefined for what is no image's record; it is then made anew */
export function readImage(text: string): Image | undefined {
  try {
    const image: Image = JSON.parse(text);
    return Array.isArray(image.layers) ? image : undefined;
  } catch {
    return undefined;
  }
}
