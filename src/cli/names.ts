/**
 * Names for completion: what the owner could mean, read from the disk, since a shell waits for it.
 *
 * A folder that cannot be read has no names: completion never complains.
 */
import { readdir } from "node:fs/promises";
import type { Places } from "../model/index.ts";
import type { World } from "./world.ts";

type Propose = (this: World, partial: string) => Promise<readonly string[]>;

export const proposeDeployments: Propose = async function (partial) {
  return starting(partial, await deployments(this.places));
};

export const proposeRecipes: Propose = async function (partial) {
  return starting(partial, await recipes(this.places));
};

export const proposeBases: Propose = async function (partial) {
  const own = await namesIn(`${this.places.config}/os-bases`);
  return starting(partial, [...own, ...(await namesIn(`${this.places.program}/os-bases`))]);
};

/** What `run`, `start`, `plan`, `build` and `lock` take. */
export const proposeStartable: Propose = async function (partial) {
  return starting(partial, [...(await deployments(this.places)), ...(await recipes(this.places))]);
};

/** Images that are built. */
export const proposeImages: Propose = async function (partial) {
  const names = await namesIn(`${this.places.data}/images`);
  return starting(
    partial,
    names.filter((name) => /^[a-z0-9-]+\.json$/.test(name)).map((name) => name.slice(0, -5)),
  );
};

/** A compartment's folder is called NAME.ID; what has ended a moment ago may still be among them. */
export const proposeRunning: Propose = async function (partial) {
  const folders = await namesIn(`${this.places.runtime}/compartments`);
  return starting(
    partial,
    folders.map((folder) => folder.replace(/\.[0-9a-f]+$/, "")),
  );
};

async function deployments({ config }: Places): Promise<readonly string[]> {
  return descriptors(`${config}/deployments`);
}

async function recipes({ config, program }: Places): Promise<readonly string[]> {
  return [...(await descriptors(`${config}/recipes`)), ...(await descriptors(`${program}/recipes`))];
}

async function descriptors(folder: string): Promise<readonly string[]> {
  return (await namesIn(folder)).filter((name) => name.endsWith(".yaml")).map((name) => name.slice(0, -5));
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return await readdir(folder).catch(() => []);
}

function starting(partial: string, names: readonly string[]): readonly string[] {
  return [...new Set(names.filter((name) => name.startsWith(partial)))].toSorted();
}

/** The one argument of a command about an instance. */
export const INSTANCE_NAME = {
  kind: "tuple",
  parameters: [
    { parse: String, brief: "Name of the instance.", placeholder: "NAME", proposeCompletions: proposeDeployments },
  ],
} as const;

/** One or more of them, for commands that take nothing else. */
export const RUNNING_NAMES = {
  kind: "array",
  minimum: 1,
  parameter: {
    parse: String,
    brief: "Names of instances.",
    placeholder: "NAME",
    proposeCompletions: proposeRunning,
  },
} as const;
