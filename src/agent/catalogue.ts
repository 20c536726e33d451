/**
 * Catalogue: recipes, bases and deployments as they lie on the disk, read through descriptor/.
 *
 * The owner's own recipes and bases stand before those that come with Skerry. Nothing is kept in memory: a file that was
 * edited a moment ago is what counts.
 */
import { type DescriptorProblem, parseBase, parseDeployment, parseRecipe } from "../descriptor/index.ts";
import { type Deployment, NAME_PATTERN, nearest, type OsBase, type Recipe } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";
import { withKeys } from "./components.ts";
import type { AgentContext } from "./context.ts";
import { remembered } from "./remembered.ts";

/** For a recipe that names none. */
export const DEFAULT_BASE = "debian-13";

export type CatalogueProblem =
  | DescriptorProblem
  | {
      readonly kind: "no-such";
      readonly what: "recipe" | "base" | "component" | "deployment";
      readonly name: string;
      readonly meant: string | undefined;
      readonly places: readonly string[];
    };

export interface Found<Thing> {
  readonly thing: Thing;
  readonly file: string;
  readonly text: string;
  readonly origin: "own" | "catalogue";
}

const recipeOf = remembered((text: string, file: string, name: string) => parseRecipe(text, { file, name }));
const baseOf = remembered((text: string, file: string, name: string) => parseBase(text, { file, name }));
const deploymentOf = remembered((text: string, file: string, name: string, home: string) =>
  parseDeployment(text, { file, name }, { home }),
);

type Context = Pick<AgentContext, "places" | "performer" | "home">;

const folders = ({ places }: Context, what: "recipes" | "os-bases") =>
  [
    { folder: `${places.config}/${what}`, origin: "own" },
    { folder: `${places.program}/${what}`, origin: "catalogue" },
  ] as const;

export async function findRecipe(name: string, context: Context): Promise<Result<Found<Recipe>, CatalogueProblem>> {
  const places = folders(context, "recipes");
  for (const { folder, origin } of NAME_PATTERN.test(name) ? places : []) {
    const file = `${folder}/${name}.yaml`;
    const text = await context.performer.readText(file);
    if (text === undefined) continue;
    const recipe = recipeOf(text, file, name);
    if (!recipe.ok) return recipe;
    const whole = await withKeys(recipe.value, folder, context);
    return whole.ok ? success({ thing: whole.value, file, text, origin }) : whole;
  }
  const meant = nearest(name, await recipeNames(context));
  return refusal({ kind: "no-such", what: "recipe", name, meant, places: places.map(({ folder }) => folder) });
}

export async function recipeNames(context: Context): Promise<readonly string[]> {
  const names = new Set<string>();
  for (const { folder } of folders(context, "recipes")) {
    for (const name of await context.performer.list(folder)) if (name.endsWith(".yaml")) names.add(name.slice(0, -5));
  }
  return [...names].filter((name) => NAME_PATTERN.test(name)).toSorted();
}

export async function findBase(name: string, context: Context): Promise<Result<OsBase, CatalogueProblem>> {
  const places = folders(context, "os-bases");
  for (const { folder } of NAME_PATTERN.test(name) ? places : []) {
    const file = `${folder}/${name}/base.yaml`;
    const text = await context.performer.readText(file);
    if (text !== undefined) return baseOf(text, file, name);
  }
  const known = (await Promise.all(places.map(({ folder }) => context.performer.list(folder)))).flat();
  return refusal({
    kind: "no-such",
    what: "base",
    name,
    meant: nearest(name, known),
    places: places.map(({ folder }) => folder),
  });
}

/** Everything besides deployments that says what a recipe is made of, and places where something would count too. */
export async function definitions(
  base: string,
  context: Context,
): Promise<{ readonly present: readonly string[]; readonly absent: readonly string[] }> {
  const { places, performer } = context;
  const there = new Set(await performer.list(places.config));
  const own = ["facts.yaml", "recipes", "os-bases", "migrations"];
  const ours = `${places.program}/os-bases`;
  const roots = [
    ...own.filter((name) => there.has(name)).map((name) => `${places.config}/${name}`),
    `${places.program}/recipes`,
  ];
  const absent = own.filter((name) => !there.has(name)).map((name) => `${places.config}/${name}`);
  // A base of the owner's own need not be one of ours.
  ((await performer.list(ours)).includes(base) ? roots : absent).push(`${ours}/${base}`);
  return { present: (await Promise.all(roots.map(async (root) => await withAllBelow(root, context)))).flat(), absent };
}

/** @param depth - bases have the deepest definitions: os-bases/BASE/components/NAME.yaml */
async function withAllBelow(path: string, context: Context, depth = 3): Promise<readonly string[]> {
  const names = depth === 0 ? [] : await context.performer.list(path);
  const below = names.map(async (name) => await withAllBelow(`${path}/${name}`, context, depth - 1));
  return [path, ...(await Promise.all(below)).flat()];
}

export function deploymentFile({ places }: Pick<Context, "places">, name: string): string {
  return `${places.config}/deployments/${name}.yaml`;
}

export async function findDeployment(
  name: string,
  context: Context,
): Promise<Result<Found<Deployment>, CatalogueProblem>> {
  const file = deploymentFile(context, name);
  const text = NAME_PATTERN.test(name) ? await context.performer.readText(file) : undefined;
  if (text === undefined) {
    const meant = nearest(name, await deploymentNames(context));
    return refusal({
      kind: "no-such",
      what: "deployment",
      name,
      meant,
      places: [`${context.places.config}/deployments`],
    });
  }
  const deployment = deploymentOf(text, file, name, context.home);
  return deployment.ok ? success({ thing: deployment.value, file, text, origin: "own" }) : deployment;
}

export async function deploymentNames({
  places,
  performer,
}: Pick<Context, "places" | "performer">): Promise<readonly string[]> {
  const names = (await performer.list(`${places.config}/deployments`)).filter((name) => name.endsWith(".yaml"));
  return names.map((name) => name.slice(0, -5)).filter((name) => NAME_PATTERN.test(name));
}
