/**
 * Import: an image that others made gets a name here, and a recipe of the owner's own that says where it came from.
 *
 * Invariant: nothing that has the name already is replaced. Only an image that a purge took can come back by the same
 * manifest, for the recipe that the first import wrote.
 */
import { randomBytes } from "node:crypto";
import { parseRecipe, writeRecipe } from "../../descriptor/index.ts";
import { findPath } from "../../host/index.ts";
import { type Described, describeImport, type Imported, importImage, type ImportProblem } from "../../image/index.ts";
import { escapeText, isCleanAbsolutePath, NAME_PATTERN, type Recipe } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import { builtImages } from "./built-images.ts";
import { findRecipe } from "../catalogue.ts";
import { type AgentContext, imageContext, QUIET, type Work } from "../context.ts";

export type ImageImportProblem =
  | ImportProblem
  | { readonly kind: "bad-source"; readonly source: string; readonly because: string }
  | { readonly kind: "bad-name"; readonly name: string }
  | { readonly kind: "name-taken"; readonly name: string; readonly by: string; readonly wayOut: string };

export interface ImportedAs {
  readonly recipe: string;
  readonly manifest: string;
  readonly layers: number;
  readonly bytes: number;
  /** The recipe that was written; empty where it was there. */
  readonly file: string;
}

export interface ImportWanted {
  readonly name: string;
  /** Absolute path of a layout: a folder, or a tar archive. */
  readonly source: string;
  readonly tag: string | undefined;
}

export async function importAs(
  wanted: ImportWanted,
  context: AgentContext,
  work: Work,
): Promise<Result<ImportedAs, ImageImportProblem>> {
  const { name, source } = wanted;
  if (!NAME_PATTERN.test(name)) return refusal({ kind: "bad-name", name });
  const { type } = isCleanAbsolutePath(source) ? await findPath(source) : { type: "none" };
  if (type === "folder") return await importFrom(source, wanted, context, work);
  if (type !== "file")
    return refusal({ kind: "bad-source", source, because: "there is no folder and no plain file of that name" });
  const staged = `${context.store.buildings}/layout-${randomBytes(8).toString("hex")}`;
  try {
    work.report({ kind: "phase", text: "reading the archive" });
    const { performer, store } = context;
    for (const step of [
      { kind: "make-folder", path: store.buildings, mode: 0o700 },
      { kind: "make-folder", path: staged, mode: 0o700 },
      { kind: "unpack-layout", archive: source, folder: staged },
    ] as const) {
      const done = await performer.perform(step, work);
      if (!done.ok) return done;
    }
    return await importFrom(staged, wanted, context, work);
  } finally {
    await context.performer.perform({ kind: "remove-tree", path: staged }, QUIET);
  }
}

async function importFrom(
  folder: string,
  { name, source, tag }: ImportWanted,
  context: AgentContext,
  work: Work,
): Promise<Result<ImportedAs, ImageImportProblem>> {
  const within = imageContext(context, work);
  const origin = { named: source, folder, tag };
  const described = await describeImport(origin, within);
  if (!described.ok) return described;
  const { manifest, layers } = described.value;
  const free = await nameFor(name, manifest, context);
  if (!free.ok) return free;
  const imported = await importImage(name, described.value, origin, within);
  if (!imported.ok) return imported;
  const file = free.value.isThere ? "" : `${context.places.config}/recipes/${name}.yaml`;
  if (file !== "") {
    const content = textFor(name, described.value, imported.value, work);
    const step = { kind: "write-file", path: file, mode: 0o600, content } as const;
    const written = await context.performer.perform(step, work);
    if (!written.ok) return written;
  }
  await context.audit.append({ kind: "import", recipe: name, source, manifest });
  return success({ recipe: name, manifest, layers: layers.length, bytes: imported.value.bytes, file });
}

/** Whether the name is free, or stands for this very image. */
async function nameFor(
  name: string,
  manifest: string,
  context: AgentContext,
): Promise<Result<{ readonly isThere: boolean }, ImageImportProblem>> {
  const recipe = await findRecipe(name, context);
  const isThere = recipe.ok && recipe.value.thing.imported === manifest;
  if (!isThere && (recipe.ok || recipe.problem.kind !== "no-such")) {
    const by = recipe.ok ? `the recipe ${recipe.value.file}` : "a recipe that cannot be read";
    return refusal({ kind: "name-taken", name, by, wayOut: "choose another name with --as" });
  }
  const image = (await builtImages(context)).find((each) => each.recipe === name);
  if (image === undefined || image.imported?.manifest === manifest) return success({ isThere });
  const wayOut = `choose another name with --as, or remove it: skerry purge ${name}`;
  return refusal({ kind: "name-taken", name, by: "an image that was made earlier", wayOut });
}

/** The recipe's text. A command that no recipe can hold gives way to a shell. */
function textFor(name: string, { manifest, title }: Described, { command }: Imported, work: Work): string {
  const recipe = (program: readonly [string, ...string[]]): Recipe => ({
    name,
    summary: escapeText(title ?? name, 100).concat(", imported"),
    base: undefined,
    components: [],
    packages: [],
    imported: manifest,
    repositories: [],
    programs: { [name]: { command: program, arguments: "any" } },
    requests: {},
    volumes: {},
    ownSandbox: false,
    ready: undefined,
    desktop: undefined,
  });
  const text = command === undefined ? undefined : writeRecipe(recipe(command));
  if (text !== undefined && parseRecipe(text, { file: name, name }).ok) return text;
  work.report({ kind: "note", text: "the image names no command that a recipe can hold; the recipe names /bin/sh" });
  return writeRecipe(recipe(["/bin/sh"]));
}
