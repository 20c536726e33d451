/** Image state: does it stand on a base that ages, and is it still what its recipe, its lock and this host ask for? */
import { agingText, type Image, staleBecause } from "../../image/index.ts";
import type { OsBase } from "../../model/index.ts";
import { findBase, findRecipe } from "../catalogue.ts";
import type { AgentContext } from "../context.ts";
import type { Images } from "./images.ts";
import { sayOnce } from "../note-once.ts";

export interface ImageState {
  readonly baseState: OsBase["state"] | "imported" | "unknown";
  /** Day from which that state is the next one; empty where nobody has said. */
  readonly baseUntil: string;
  readonly baseSuccessor: string;
  /** Why the next start would not take it as it is. */
  readonly stale: readonly string[];
  /** What is to be said of its base; empty where it is supported. */
  readonly aging: string;
}

/** How an image stands to its base, its recipe, its lock and this host. */
export async function imageState(image: Image, images: Images, context: AgentContext): Promise<ImageState> {
  // It stands on no base, whatever one of the owner's is called.
  if (image.imported !== undefined) {
    const stale = await staleFor(image, images, context);
    return { baseState: "imported", baseUntil: "", baseSuccessor: "", stale, aging: "" };
  }
  const base = await findBase(image.base, context);
  return {
    baseState: base.ok ? base.value.state : "unknown",
    baseUntil: base.ok ? (base.value.until ?? "") : "",
    baseSuccessor: base.ok ? (base.value.successor ?? "") : "",
    stale: await staleFor(image, images, context),
    aging: base.ok ? (agingText(base.value, image.recipe) ?? "") : "",
  };
}

async function staleFor(image: Image, images: Images, context: AgentContext): Promise<readonly string[]> {
  const recipe = await findRecipe(image.recipe, context);
  if (!recipe.ok)
    return [recipe.problem.kind === "no-such" ? "it has no recipe any more" : "its recipe cannot be read"];
  const wanted = await images.wanted(recipe.value.thing, false);
  if (!wanted.ok) return ["its base or a component cannot be read"];
  return await staleBecause(image, wanted.value, context);
}

/** @returns undefined where the base is supported, or nobody knows it any more */
export async function agingOf({ base, recipe }: Image, context: AgentContext): Promise<string | undefined> {
  const found = await findBase(base, context);
  return found.ok ? agingText(found.value, recipe) : undefined;
}

/** The same at a start, said once for each state of each base that an instance's image stands on. */
export async function agingNotes(image: Image, instance: string, context: AgentContext): Promise<readonly string[]> {
  const found = await findBase(image.base, context);
  const text = found.ok ? agingText(found.value, image.recipe) : undefined;
  if (!found.ok || text === undefined) return [];
  const key = `${found.value.state} ${image.base} ${instance}` satisfies `${OsBase["state"]} ${string}`;
  return await sayOnce(new Map([[key, `${text} (said once)`]]), context);
}
