/**
 * Seats: where the windows of an app are led to the screen of another instance, which provides one. A seat is a socket of the
 * agent's; whoever connects there is joined to a program in the provider, which shows what it says under the app's name.
 *
 * Invariants
 * - Whose windows they are follows from the socket, and is said to the provider by the agent.
 * - The agent starts that program and reads nothing of what goes over it; windows stay when the agent ends.
 */
import { realOrSelf, type ServedStreams, serveStreams } from "../../host/index.ts";
import type { CompartmentSpec, Places } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import type { Argv } from "../../step/index.ts";
import { type CatalogueProblem, findDeployment, findRecipe } from "../catalogue.ts";
import type { Compartments } from "../compartments.ts";
import type { AgentContext } from "../context.ts";
import type { Start } from "../start-record.ts";

export type LedProblem =
  | CatalogueProblem
  | { readonly kind: "provides-no-display"; readonly name: string; readonly through: string };

/** What a provider's recipe calls the program that shows an app's windows. */
const JOIN = "join";

/** Whoever is named has to provide a screen; asked before anything is started. */
export async function checkLed(
  { name, contributions }: Pick<CompartmentSpec, "name" | "contributions">,
  context: AgentContext,
): Promise<Result<unknown, LedProblem>> {
  const shown = contributions.find((one) => one.kind === "display");
  return shown?.through === undefined ? success(undefined) : await joinOf(name, shown.through, context);
}

/** What shows an app's windows in a provider. */
async function joinOf(name: string, through: string, context: AgentContext): Promise<Result<Argv, LedProblem>> {
  const deployment = await findDeployment(through, context);
  if (!deployment.ok) return deployment;
  const recipe = await findRecipe(deployment.value.thing.recipe, context);
  if (!recipe.ok) return recipe;
  const { provides = [], programs } = recipe.value.thing;
  const join = programs[JOIN];
  if (provides.includes("display") && join !== undefined) return success(join.command);
  return refusal({ kind: "provides-no-display", name, through });
}

/** As root an app sees it as its own user's, which older kernels cannot show of what lies in memory. */
export function seatsFolder({ state }: Pick<Places, "state">): string {
  return `${realOrSelf(state)}/seats`;
}

export class Seats {
  readonly #context: AgentContext;
  readonly #compartments: Compartments;
  readonly #entry: (start: Start, command: Argv) => Promise<Argv | undefined>;
  /** By the name of the app. */
  readonly #open = new Map<string, ServedStreams>();

  /** @param entry - what runs a command in a compartment that stands */
  constructor(
    context: AgentContext,
    compartments: Compartments,
    entry: (start: Start, command: Argv) => Promise<Argv | undefined>,
  ) {
    this.#context = context;
    this.#compartments = compartments;
    this.#entry = entry;
  }

  /** Also where an earlier agent has opened it: whoever sees its folder finds the new socket there. @returns its path */
  async open(name: string, through: string): Promise<Result<string, LedProblem>> {
    const join = await joinOf(name, through, this.#context);
    if (!join.ok) return join;
    this.close(name);
    const served = await serveStreams(`${seatsFolder(this.#context.places)}/${name}`, async () => {
      const provider = this.#compartments.running(through);
      return provider && (await this.#entry(provider, [...join.value, name]));
    });
    this.#open.set(name, served);
    return success(`${served.folder}/${served.name}`);
  }

  /** What is connected stays, until either side ends. */
  close(name: string): void {
    this.#open.get(name)?.close();
    this.#open.delete(name);
  }
}
