/**
 * Machine: what a start needs that boots a kernel of its own, made where it is missing: the base's kernel with its first
 * root, and a disk for each layer of the image.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { BACKENDS, CARD_MODULES, type MachineFiles, type WayFiles } from "../../backends/index.ts";
import { ownBundles, realOrSelf, whyEmulated } from "../../host/index.ts";
import { buildDisks, buildGuest, diskPaths, type GuestProblem, type Image } from "../../image/index.ts";
import { helperPath } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import { type CatalogueProblem, findBase } from "../catalogue.ts";
import { type AgentContext, imageContext, type Work } from "../context.ts";
import type { Screen } from "../display/screens.ts";
import type { Images } from "../store/images.ts";

export type MachineProblem =
  | GuestProblem
  | CatalogueProblem
  | { readonly kind: "helper-missing"; readonly path: string }
  | { readonly kind: "cannot-see-ready"; readonly backend: string; readonly deployment: string };

export interface CannotEnter {
  readonly kind: "cannot-enter";
  readonly backend: string;
  readonly name: string;
}

/** Told once, by its key: that machines are emulated, and why. */
export function machineNotes({ facts }: Pick<AgentContext, "facts">): ReadonlyMap<string, string> {
  const because = whyEmulated(facts.accelerator);
  if (because === undefined) return new Map();
  const slow = "virtual machines are emulated here, so apps in them are many times slower and have one processor";
  return new Map([["vm-emulated", `${slow} (said once): ${because}`]]);
}

/** Of a deployment, or of a start that was made from one. */
export function boots({ isolation }: { readonly isolation: string }): boolean {
  return BACKENDS[isolation]?.boots === true;
}

/** Where the files will be; for a plan that starts nothing. */
export function plannedMachine(image: Image, context: AgentContext): MachineFiles {
  const folder = context.store.guest("GUEST");
  return found({ kernel: `${folder}/kernel`, root: `${folder}/root.cpio` }, diskPaths(image.layers, context), context);
}

/** The caller holds the image. */
export async function makeMachine(
  image: Image,
  images: Images,
  context: AgentContext,
  work: Work,
  withCard = false,
): Promise<Result<MachineFiles, MachineProblem>> {
  // A system of its own brings its kernel along.
  if (image.layers.length === 0) return success(plannedMachine(image, context));
  const base = await findBase(image.base, context);
  if (!base.ok) return base;
  const helper = helperPath(context.places.program);
  const program = await readFile(helper).catch(() => undefined);
  if (program === undefined) return refusal({ kind: "helper-missing", path: helper });
  const init = await readFile(`${context.places.program}/guest/init`, "utf8");
  const helperDigest = createHash("sha256").update(program).digest("hex");
  // They share the package engine's root and the folder of what is being built with builds of images.
  return await images.inTurn(async () => {
    const parts = { helper, helperDigest, init, ...(withCard ? { cardDrivers: CARD_MODULES } : {}) };
    const guest = await buildGuest(base.value, parts, imageContext(context, work));
    if (!guest.ok) return guest;
    const disks = await buildDisks(image.layers, imageContext(context, work));
    return disks.ok ? success(found(guest.value, disks.value, context)) : disks;
  });
}

/** The helper shows a file only through the folder that it is really in. */
function found(
  { kernel, root }: Pick<MachineFiles, "kernel" | "root">,
  disks: readonly string[],
  { places }: AgentContext,
): MachineFiles {
  const monitors = ownBundles("host/monitor", "main.mjs");
  return {
    ...(monitors === undefined ? {} : { monitors: realOrSelf(monitors) }),
    kernel: realOrSelf(kernel),
    root: realOrSelf(root),
    disks: disks.map(realOrSelf),
    node: realOrSelf(process.execPath),
    program: realOrSelf(places.program),
  };
}

/** Disks of the image that is the way to a screen, which runs and so stays. */
export async function makeWay(
  { image, command }: NonNullable<Screen["way"]>,
  images: Images,
  context: AgentContext,
  work: Work,
): Promise<Result<WayFiles, GuestProblem>> {
  return await images.inTurn(async () => {
    const disks = await buildDisks(image.layers, imageContext(context, work));
    return disks.ok ? success({ disks: disks.value.map(realOrSelf), command }) : disks;
  });
}
