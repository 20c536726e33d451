/**
 * Image uses: which layers somebody needs at this moment, so that a purge leaves them.
 *
 * Invariant: called after all launchers were dropped. Who started from one before that holds the instance's claim, or is
 * on record.
 */
import { existsSync } from "node:fs";
import { runProgram } from "../../host/index.ts";
import { findDeployment } from "../catalogue.ts";
import type { Compartments } from "../compartments.ts";
import type { AgentContext } from "../context.ts";
import { instanceFolder } from "../launch/launch.ts";

export interface ImageUses {
  /** Keys of layers that something runs from, with the instance that does. */
  readonly layers: ReadonlyMap<string, string>;
  /** Recipes of which an instance is being started without the agent. */
  readonly recipes: ReadonlyMap<string, string>;
  readonly runs: boolean;
}

export async function imageUses(compartments: Compartments, context: AgentContext): Promise<ImageUses> {
  const { store, performer, places } = context;
  const recipes = new Map<string, string>();
  for (const name of await performer.list(`${places.runtime}/instances`)) {
    if (!(await isClaimed(name, context))) continue;
    const deployment = await findDeployment(name, context);
    if (deployment.ok) recipes.set(deployment.value.thing.recipe, name);
  }
  await compartments.look();
  const layers = new Map<string, string>();
  let runs = recipes.size > 0;
  for (const { record, state } of compartments.all()) {
    if (state !== "running" && state !== "frozen") continue;
    runs = true;
    for (const path of record.spec.layers) {
      const key = path.startsWith(`${store.layers}/`) ? path.slice(store.layers.length + 1).split("/")[0] : undefined;
      if (key !== undefined) layers.set(key, record.spec.name);
    }
  }
  return { layers, recipes, runs };
}

/** Whether somebody holds the lock that a start by a launcher begins with. */
export async function isClaimed(name: string, { facts, places }: AgentContext): Promise<boolean> {
  const folder = instanceFolder(name, places);
  // flock would make the file, but not the folder; where there is none, nobody can hold it.
  if (!existsSync(folder)) return false;
  const flock = facts.programs["flock"]?.path ?? "/usr/bin/flock";
  const tried = await runProgram([
    flock,
    "--nonblock",
    "--conflict-exit-code",
    "9",
    `${folder}/claim`,
    "/usr/bin/true",
  ]);
  return tried.ok && tried.value.code === 9;
}
