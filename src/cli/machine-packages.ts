/**
 * Machine packages: which Debian packages this owner's deployments want for virtual machines and are not here, read from
 * the disk, since `doctor` and `setup` work where no agent can run. What cannot be read wants nothing here; the command
 * that needs it will tell.
 */
import { readdir } from "node:fs/promises";
import { parseDeployment, parseRecipe } from "../descriptor/index.ts";
import { readTextIfThere } from "../host/files.ts";
import { type DebianPackage, filesToLookFor, MACHINE_PACKAGES, missingPackages, presentFiles } from "../host/index.ts";
import { type HostFacts, NAME_PATTERN, type Places, type Recipe } from "../model/index.ts";

/** Which files a deployment names is of no interest here. */
const NO_HOME = { home: "/" };

export async function missingForMachines(
  places: Places,
  { programs, architecture }: HostFacts,
): Promise<readonly DebianPackage[]> {
  const wanted = await wantedForMachines(places);
  const there = await presentFiles(filesToLookFor(architecture, wanted));
  return missingPackages(programs, there, architecture, wanted);
}

export async function wantedForMachines(places: Pick<Places, "config" | "program">): Promise<readonly DebianPackage[]> {
  const folder = `${places.config}/deployments`;
  const wanted = new Set<DebianPackage>();
  for (const entry of await readdir(folder).catch(() => [])) {
    const name = entry.replace(/\.yaml$/, "");
    if (name === entry || !NAME_PATTERN.test(name)) continue;
    const file = `${folder}/${entry}`;
    const read = parseDeployment((await textOf(file)) ?? "", { file, name }, NO_HOME);
    if (!read.ok || read.value.isolation !== "vm") continue;
    const { vmm, disks = {}, recipe } = read.value;
    if (vmm === undefined || vmm === "qemu") wanted.add(MACHINE_PACKAGES.qemu);
    wanted.add(MACHINE_PACKAGES.erofs);
    const system = (await recipeOf(recipe, places))?.system;
    if (system?.firmware === "uefi") wanted.add(MACHINE_PACKAGES.ovmf);
    if (system?.tpm === true) wanted.add(MACHINE_PACKAGES.swtpm);
    const own = Object.values(disks).some(({ answer }) => answer === "copy" || answer === "empty");
    if (system !== undefined && own) wanted.add(MACHINE_PACKAGES.qemuUtils);
  }
  return Object.values(MACHINE_PACKAGES).filter((one) => wanted.has(one));
}

/** The owner's own stands before the one that comes with Skerry. */
async function recipeOf(
  name: string,
  { config, program }: Pick<Places, "config" | "program">,
): Promise<Recipe | undefined> {
  for (const folder of [config, program]) {
    const file = `${folder}/recipes/${name}.yaml`;
    const text = await textOf(file);
    const read = text === undefined ? undefined : parseRecipe(text, { file, name });
    if (read !== undefined) return read.ok ? read.value : undefined;
  }
  return undefined;
}

async function textOf(path: string): Promise<string | undefined> {
  return await readTextIfThere(path, { links: "followed" }).catch(() => undefined);
}
