/**
 * Stations: which machines have a port at a provider, with which number, and which ways the provider lets them go.
 *
 * Kept beside the state of instances: a number is a machine's for good, so that its addresses are the same after each start
 * of either side. What the provider's monitor and its filter read is made of that, and replaced whole.
 */
import {
  BACKENDS,
  freeNumber,
  type PortPlaces,
  resolverText,
  type Station,
  stationList,
  wayRules,
} from "../../backends/index.ts";
import { realOrSelf } from "../../host/index.ts";
import { type CompartmentSpec, NAME_PATTERN, type Recipe } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import { performAll, type Step, type StepProblem } from "../../step/index.ts";
import { type CatalogueProblem, deploymentNames, findDeployment, findRecipe } from "../catalogue.ts";
import { type AgentContext, QUIET } from "../context.ts";

export type PortProblem =
  | CatalogueProblem
  | StepProblem
  | {
      readonly kind: "provides-no-network";
      readonly name: string;
      readonly through: string;
      readonly because: "recipe" | "wall";
    }
  | { readonly kind: "ports-taken"; readonly name: string; readonly through: string };

let last: Promise<unknown> = Promise.resolve();

/** What a backend has to know of the ports of a start. With `dry` nothing is written. */
export async function portPlaces(
  { name, contributions }: Pick<CompartmentSpec, "name" | "contributions">,
  context: AgentContext,
  dry: boolean,
): Promise<Result<PortPlaces, PortProblem>> {
  const port = contributions.find((one) => one.kind === "port");
  const provides = contributions.some(({ kind }) => kind === "ports");
  const all = provides ? { all: await placesOf(name, context) } : {};
  if (provides && !dry) {
    const settled = await inTurn(async () => await settle(name, undefined, context));
    if (!settled.ok) return settled;
  }
  if (port === undefined) return success(all);
  const { through, zones, rules } = port;
  const able = await whyNotProvider(name, through, context);
  if (!able.ok) return able;
  const wanted = { name, zones, ...(rules === undefined ? {} : { rules }) };
  const number = dry
    ? success(numberIn(await readStations(through, context), name))
    : await inTurn(async () => await settle(through, wanted, context));
  if (!number.ok) return number;
  if (number.value === undefined) return refusal({ kind: "ports-taken", name, through });
  const { ports } = await placesOf(through, context);
  return success({ ...all, own: { folder: `${ports}/${name}`, number: number.value } });
}

/** What a start does for it, for a plan. */
export function portLines({ name, contributions }: CompartmentSpec): readonly string[] {
  return contributions.flatMap((one) =>
    one.kind === "port"
      ? [`join the card of ${name} to its port at ${one.through}, with an address of its own there`]
      : [],
  );
}

/** One after the other: two that are settled at once would be given the same number. */
async function inTurn<Value>(act: () => Promise<Value>): Promise<Value> {
  const mine = last.then(act);
  last = mine.catch(() => {});
  return await mine;
}

async function whyNotProvider(
  name: string,
  through: string,
  context: AgentContext,
): Promise<Result<Recipe, PortProblem>> {
  const deployment = await findDeployment(through, context);
  if (!deployment.ok) return deployment;
  const recipe = await findRecipe(deployment.value.thing.recipe, context);
  if (!recipe.ok) return recipe;
  if (recipe.value.thing.provides?.includes("network") !== true)
    return refusal({ kind: "provides-no-network", name, through, because: "recipe" });
  if (BACKENDS[deployment.value.thing.isolation]?.boots !== true)
    return refusal({ kind: "provides-no-network", name, through, because: "wall" });
  return success(recipe.value.thing);
}

/** What lies beside the state of instances for one provider. */
export function portsFolder(provider: string, { places }: AgentContext): string {
  return `${places.state}/machines/${provider}`;
}

/** The helper shows a folder only by the path that it really has. */
async function placesOf(provider: string, context: AgentContext) {
  const folder = realOrSelf(portsFolder(provider, context));
  return { ports: `${folder}/ports`, rules: `${folder}/rules` };
}

export async function readStations(provider: string, context: AgentContext): Promise<readonly Station[]> {
  const text = await context.performer.readText(`${portsFolder(provider, context)}/stations.json`);
  return text === undefined ? [] : JSON.parse(text);
}

function numberIn(stations: readonly Station[], name: string): number | undefined {
  return stations.find((one) => one.name === name)?.number ?? freeNumber(stations);
}

/** Writes down whose ports there are; those of instances that are gone go, too. @returns the number of the wanted one */
async function settle(
  provider: string,
  wanted: Omit<Station, "number"> | undefined,
  context: AgentContext,
): Promise<Result<number | undefined, StepProblem>> {
  const { performer, places } = context;
  // Of an instance that goes with its start there is no deployment of that name.
  const standing = (await performer.list(`${places.runtime}/compartments`)).map((id) => id.replace(/\.[^.]*$/, ""));
  const known = new Set([...(await deploymentNames(context)), ...standing]);
  const kept = (await readStations(provider, context)).filter(({ name }) => known.has(name));
  const number = wanted === undefined ? undefined : numberIn(kept, wanted.name);
  const stations = [
    ...kept.filter(({ name }) => name !== wanted?.name),
    ...(wanted === undefined || number === undefined ? [] : [{ ...wanted, number }]),
  ].toSorted((left, right) => left.number - right.number);
  const folder = portsFolder(provider, context);
  const file = (path: string, content: string): Step => ({ kind: "write-file", path, mode: 0o600, content });
  const left = (await performer.list(`${folder}/ports`)).filter(
    (name) => NAME_PATTERN.test(name) && !stations.some((one) => one.name === name),
  );
  const resolvers = stations.flatMap((one) => {
    const text = resolverText(one);
    return text === undefined ? [] : [{ path: `${folder}/rules/names/${one.number}.conf`, text }];
  });
  const gone = (await performer.list(`${folder}/rules/names`))
    .map((name) => `${folder}/rules/names/${name}`)
    .filter((path) => !resolvers.some((one) => one.path === path));
  const steps: readonly Step[] = [
    ...gone.map((path): Step => ({ kind: "remove-tree", path })),
    ...left.map((name): Step => ({ kind: "remove-tree", path: `${folder}/ports/${name}` })),
    ...["", "/ports", "/rules", "/rules/names"].map(
      (part): Step => ({ kind: "make-folder", path: `${folder}${part}`, mode: 0o700 }),
    ),
    ...stations
      .filter(({ name }) => NAME_PATTERN.test(name))
      .map(({ name }): Step => ({ kind: "make-folder", path: `${folder}/ports/${name}`, mode: 0o700 })),
    file(`${folder}/stations.json`, JSON.stringify(stations)),
    ...resolvers.map(({ path, text }) => file(path, text)),
    // The filter first: who has a port has ways by then.
    file(`${folder}/rules/ways.nft`, wayRules(stations)),
    file(`${folder}/rules/stations`, stationList(stations)),
  ];
  const done = await performAll(steps, { performer, watch: QUIET });
  return done.ok ? success(number) : done;
}
