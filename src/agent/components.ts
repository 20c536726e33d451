/**
 * Components: those of a base as they lie on the disk, the owner's own before those that come with Skerry; and the key
 * files of a recipe's repositories, which lie beside it.
 */
import { keyFault, parseComponent } from "../descriptor/index.ts";
import { type ComponentCircle, orderComponents } from "../image/index.ts";
import { NAME_PATTERN, nearest, type OsComponent, type Recipe } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";
import type { AgentContext } from "./context.ts";
import { remembered } from "./remembered.ts";
import type { CatalogueProblem } from "./catalogue.ts";

const componentOf = remembered((text: string, file: string, name: string) => parseComponent(text, { file, name }));

type Context = Pick<AgentContext, "places" | "performer">;

export type ComponentProblem = CatalogueProblem | ComponentCircle;

/** mount(2) takes one page of options, and every layer is a path in it. */
const STACK_LIMIT = 20;

/** @returns the components that are named and all that they need, bottom layer first */
export async function findComponents(
  names: readonly string[],
  base: string,
  context: Context,
): Promise<Result<readonly OsComponent[], ComponentProblem>> {
  const found = new Map<string, OsComponent>();
  const waiting = [...names];
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    if (found.has(name)) continue;
    const component = await findComponent(name, base, context);
    if (!component.ok) return component;
    found.set(name, component.value);
    waiting.push(...component.value.needs);
    if (found.size > STACK_LIMIT) return refusal({ kind: "component-circle", base, names: [...found.keys()] });
  }
  return orderComponents([...found.values()], base);
}

async function findComponent(
  name: string,
  base: string,
  context: Context,
): Promise<Result<OsComponent, CatalogueProblem>> {
  const folders = [context.places.config, context.places.program].map(
    (place) => `${place}/os-bases/${base}/components`,
  );
  for (const folder of NAME_PATTERN.test(name) ? folders : []) {
    const file = `${folder}/${name}.yaml`;
    const text = await context.performer.readText(file);
    if (text !== undefined) return componentOf(text, file, name);
  }
  const known = (await Promise.all(folders.map((folder) => context.performer.list(folder)))).flat();
  const meant = nearest(
    name,
    known.filter((file) => file.endsWith(".yaml")).map((file) => file.slice(0, -5)),
  );
  return refusal({ kind: "no-such", what: "component", name, meant, places: folders });
}

/** The recipe with its repositories' keys in place of the names of their files. */
export async function withKeys(
  recipe: Recipe,
  folder: string,
  { performer }: Context,
): Promise<Result<Recipe, CatalogueProblem>> {
  const repositories: Recipe["repositories"][number][] = [];
  for (const repository of recipe.repositories) {
    if (!("file" in repository.key)) throw new Error("a recipe is read with the files of its keys");
    const file = `${folder}/${repository.key.file}`;
    const armored = await performer.readText(file);
    const fault = armored === undefined ? "there is no such file" : keyFault(armored);
    if (armored === undefined || fault !== undefined) {
      const message = `the key of ${repository.uri}: ${fault ?? "there is none"}`;
      return refusal({ kind: "descriptor", complaints: [{ file, line: 1, column: 1, message }] });
    }
    repositories.push({ ...repository, key: { armored } });
  }
  return success({ ...recipe, repositories });
}
