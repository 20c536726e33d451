/** Export: where an image may be written to for its owner, and the record that it was. */
import { type ExportedImage, exportImage, type ExportProblem, type Image } from "../../image/index.ts";
import { findPath } from "../../host/index.ts";
import { isCleanAbsolutePath, isWithin, type Places } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import { findRecipe } from "../catalogue.ts";
import { type AgentContext, imageContext, type Work } from "../context.ts";

export type ImageExportProblem =
  | ExportProblem
  | { readonly kind: "bad-target"; readonly target: string; readonly because: string };

export async function exportTo(
  image: Image,
  target: string,
  context: AgentContext,
  work: Work,
): Promise<Result<ExportedImage, ImageExportProblem>> {
  const because = await targetFault(target, context.places);
  if (because !== undefined) return refusal({ kind: "bad-target", target, because });
  const recipe = await findRecipe(image.recipe, context);
  const exported = await exportImage(
    image,
    recipe.ok ? recipe.value.thing : undefined,
    target,
    imageContext(context, work),
  );
  if (!exported.ok) return exported;
  const { manifest } = exported.value;
  await context.audit.append({ kind: "export", recipe: image.recipe, target, manifest });
  return success(exported.value);
}

async function targetFault(target: string, places: Places): Promise<string | undefined> {
  if (!isCleanAbsolutePath(target) || target === "/") return "it is no plain absolute path";
  const parent = target.slice(0, target.lastIndexOf("/")) || "/";
  const folder = await findPath(parent);
  if (folder.type !== "folder") return `${parent} is no folder`;
  if ((await findPath(target)).type !== "none") return "something is there already, and nothing is ever written over";
  const own = [places.config, places.data, places.state, places.cache, places.runtime];
  const real = await Promise.all(own.map(async (path) => (await findPath(path)).real ?? path));
  const lies = [...own, ...real].some((root) => isWithin(parent, root) || isWithin(folder.real ?? parent, root));
  return lies ? "it lies in Skerry's own folders" : undefined;
}
