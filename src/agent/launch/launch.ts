/**
 * Launch: from what a caller wants to a wall that is ready to be started.
 *
 * Reads the files, has the image built, joins requests and grants, and asks the backend for a plan. Nothing is started
 * here, and with `dry` nothing is done at all.
 */
import { randomBytes } from "node:crypto";
import {
  BACKENDS,
  type BackendProblem,
  type MachineFiles,
  planWith,
  type ScreenSocket,
  type WallPlan,
  type WayFiles,
} from "../../backends/index.ts";
import { type SpecProblem, type StartWanted, specFor, volumePath } from "../../compartment/index.ts";
import { writeDeployment } from "../../descriptor/index.ts";
import {
  coveredBy,
  type Effective,
  type JoinContext,
  type JoinProblem,
  joinGrants,
  type Pending,
  pendingOf,
  remember,
  type SeenRequests,
} from "../../grant/index.ts";
import {
  findPath,
  hostAddresses,
  linksOnTheWay,
  matchingFiles,
  openToAll,
  realOrSelf,
  secretsFolder,
} from "../../host/index.ts";
import type { Image } from "../../image/index.ts";
import {
  type CompartmentSpec,
  type Deployment,
  isCleanAbsolutePath,
  isFilePattern,
  isWithin,
  type Places,
  type Recipe,
} from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import type { Step, StepProblem } from "../../step/index.ts";
import { type CatalogueProblem, deploymentFile, findDeployment, findRecipe } from "../catalogue.ts";
import { type AgentContext, QUIET } from "../context.ts";
import { type AnsweredAt, answeredAt, answeredForThisStart } from "../grants/answered-at.ts";
import { type PortProblem, portPlaces } from "../network/stations.ts";
import { openWide, type OpenWideProblem } from "../learn/open-wide.ts";
import { type CardProblem, findCard } from "../cards/find-card.ts";
import { type DiskProblem, findDisks } from "../disks/find-disks.ts";
import { noteGrantChanges } from "../grants/grant-changes.ts";
import { seenFor } from "../grants/pending.ts";
import { checkLed, type LedProblem } from "../display/seats.ts";
import { ownScreen, PLANNED_SCREEN, PLANNED_WAY, screenAsItIs } from "../display/own-screen.ts";
import { grantedVariables } from "../grants/session-variables.ts";
import { type BuildImageProblem, sha256 } from "../store/images.ts";
import { type InstanceState, instanceState, type NoIdsLeft, readInstanceState, userOf } from "../instance-state.ts";
import { writeEntry } from "../services/session-files.ts";
import { boots, type MachineProblem, plannedMachine } from "./machine.ts";
import type { SnapshotProblem } from "../machines/snapshot-words.ts";
import { type BadFlag, carefulDeployment, passingRecipe, readyOf, type WantedWords, withFlags } from "./wanted.ts";

export type LaunchProblem =
  | LedProblem
  | CatalogueProblem
  | BuildImageProblem
  | JoinProblem
  | SpecProblem
  | BackendProblem
  | OpenWideProblem
  | BadFlag
  | MachineProblem
  | DiskProblem
  | CardProblem
  | NoIdsLeft
  | PortProblem
  | StepProblem
  | SnapshotProblem
  | { readonly kind: "overlapping-places"; readonly deployment: string; readonly one: string; readonly other: string }
  | { readonly kind: "helper-missing"; readonly path: string }
  | { readonly kind: "helper-stale"; readonly path: string; readonly writable: boolean }
  | { readonly kind: "places-shut"; readonly folder: string };

/** Bytes that the log of one background compartment may have. */
export const LOG_LIMIT_BYTES = 4 * 1024 * 1024;

export interface Prepared {
  readonly deployment: Deployment;
  readonly recipe: Recipe;
  readonly image: Image;
  readonly effective: readonly Effective[];
  readonly spec: CompartmentSpec;
  readonly plan: WallPlan;
  /** In front of the plan's own steps: folders of volumes. */
  readonly steps: readonly Step[];
  readonly notes: readonly string[];
  /** What its recipe asks for beyond what was answered. */
  readonly pending: readonly Pending[];
  readonly at: AnsweredAt;
  /** The snapshot of its machine that it goes on from. */
  readonly snapshot?: string;
  /** Socket of the session's screen, where it is granted on that. */
  readonly ownScreen?: string | undefined;
}

export interface Chosen {
  readonly recipe: Recipe;
  readonly deployment: Deployment;
  /** Whose volumes and user id it gets: the deployment's own, or those of a passing instance, which has its own name. */
  readonly instance: string;
  readonly notes: readonly string[];
  /** What is remembered of the recipe's requests. */
  readonly seen: SeenRequests;
  readonly at: AnsweredAt;
}

/** Which recipe and deployment are meant; a deployment that is not there yet is written with careful answers. */
export async function choose(
  words: WantedWords,
  context: AgentContext,
  dry: boolean,
): Promise<Result<Chosen, LaunchProblem>> {
  if (words.packages.length > 0) {
    const recipe = passingRecipe(passingName(words), words);
    if (!recipe.ok) return recipe;
    const instance = passingInstance(recipe.value.name);
    const flagged = withFlags(recipe.value, carefulDeployment(recipe.value, instance), words);
    if (!flagged.ok) return flagged;
    const seen = remember(undefined, recipe.value, flagged.value);
    const at = answeredAt(undefined, flagged.value);
    return success({ recipe: recipe.value, deployment: flagged.value, instance, notes: [], seen, at });
  }
  const instance = words.remove ? passingInstance(words.name) : words.name;
  const found = await findDeployment(words.name, context);
  if (found.ok) {
    const recipe = await findRecipe(found.value.thing.recipe, context);
    if (!recipe.ok) return recipe;
    const seen = await seenFor(recipe.value.thing, found.value.thing, context, !dry && !words.remove);
    if (!seen.ok) return seen;
    const { thing: written, text } = found.value;
    if (!dry) await noteGrantChanges(written, text, context);
    const deployment = withFlags(recipe.value.thing, written, words);
    if (!deployment.ok) return deployment;
    const opened = words.learn && openWide(recipe.value.thing, written, words.learn);
    if (opened?.ok === false) return opened;
    const counted = opened?.value.deployment ?? deployment.value;
    const at = answeredAt({ text, deployment: written }, counted);
    return success({ recipe: recipe.value.thing, deployment: counted, instance, notes: [], seen: seen.value, at });
  }
  if (found.problem.kind !== "no-such") return found;
  const recipe = await findRecipe(words.name, context);
  if (!recipe.ok) return recipe;
  const careful = carefulDeployment(recipe.value.thing, words.name);
  const notes: string[] = [];
  let text: string | undefined;
  if (!dry && !words.remove) {
    const path = deploymentFile(context, words.name);
    const content = writeDeployment(careful, recipe.value.thing, { home: context.home });
    const written = await context.performer.perform({ kind: "write-file", path, mode: 0o600, content }, QUIET);
    if (!written.ok) return written;
    text = content;
    const file = sha256(content);
    await context.audit.append({ kind: "deploy", instance: words.name, recipe: recipe.value.thing.name, file });
    notes.push(`${words.name} had no deployment; this one was written to ${path}:\n${content}`);
    await writeEntry(careful, recipe.value.thing, context);
  }
  const seen = await seenFor(recipe.value.thing, careful, context, !dry && !words.remove);
  if (!seen.ok) return seen;
  const deployment = withFlags(recipe.value.thing, careful, words);
  if (!deployment.ok) return deployment;
  const at = answeredAt(text === undefined ? undefined : { text, deployment: careful }, deployment.value);
  return success({
    recipe: recipe.value.thing,
    deployment: deployment.value,
    instance,
    notes,
    seen: seen.value,
    at,
  });
}

/** Nothing of a passing instance is kept, so it must never be one whose data somebody wants. */
function passingInstance(name: string): string {
  return `${name.slice(0, 31).replace(/-+$/, "")}-${randomBytes(4).toString("hex")}`;
}

/** A name for an image of packages that no recipe names: the same for the same packages, so that it is built once. */
function passingName({ packages }: WantedWords): string {
  const word = packages
    .join("-")
    .replaceAll(/[^a-z0-9-]/g, "-")
    .replace(/^[^a-z]+/, "");
  return `run-${word}`.slice(0, 40).replace(/-+$/, "");
}

export interface LaunchOptions {
  readonly background: boolean;
  /** Process of the owner's session that asks for the start; undefined where it starts by itself. */
  readonly session?: number | undefined;
  /** Plan only: builds nothing, writes nothing. */
  readonly dry: boolean;
  /** For what boots: its files, made by now. Without it, where they will be. */
  readonly machine?: MachineFiles;
  /** Its virtual screen, which is up by now. */
  readonly screen?: ScreenSocket | undefined;
  /** In a machine: what leads to that. */
  readonly way?: WayFiles | undefined;
}

export async function prepare(
  words: WantedWords,
  chosen: Chosen,
  image: Image,
  context: AgentContext,
  options: LaunchOptions,
): Promise<Result<Prepared, LaunchProblem>> {
  const { recipe } = chosen;
  const ready = await checkReady(context);
  if (!ready.ok) return ready;
  const overlap = overlapOf(recipe, chosen.deployment);
  if (overlap !== undefined)
    return refusal({ kind: "overlapping-places", deployment: chosen.deployment.name, ...overlap });
  const covered = coveredBy(chosen.seen, recipe, chosen.deployment);
  const own = await ownScreen(covered.recipe, covered.deployment, options, words.shows, context);
  const effective = joinGrants(covered.recipe, covered.deployment, {
    ...(await joinContext(chosen.deployment, context)),
    ...(own === undefined ? {} : { ownScreen: own }),
    session: await grantedVariables(covered.recipe, covered.deployment, options, context),
  });
  if (!effective.ok) return effective;
  // Up to here a refusal named the file that the owner can change; from here on the name is the instance's.
  const deployment: Deployment = { ...chosen.deployment, name: chosen.instance };
  const state = options.dry
    ? success(await plannedState(deployment.name, context))
    : await instanceState(deployment.name, context);
  if (!state.ok) return state;
  // What is only written down is nobody's start, and must not be in the way of one.
  const making = options.machine?.template?.kind === "make";
  const disks = await findDisks(
    recipe,
    deployment,
    { deployment: chosen.deployment.name, machineId: state.value.machineId },
    context,
    ownFoldersOf(context).ownFolders,
  );
  if (!disks.ok) return disks;
  const start: StartWanted = {
    id: `${deployment.name}.${randomBytes(4).toString("hex")}`,
    deployment,
    recipe,
    image,
    layers: image.layers.toReversed().map(context.store.layerFs),
    effective: effective.value,
    user: userOf(state.value, context),
    machineId: state.value.machineId,
    ...(await argumentFiles(words, chosen, context)),
    terminal: words.terminal === "" ? undefined : words.terminal,
    acceptWeaker: words.acceptWeaker,
    endsWithCaller: making || ((words.remove || words.learn !== undefined) && !options.background),
    slotsFor: slotsFor(chosen, isPassing(words)),
    disks: disks.value.disks,
  };
  const spec = specFor(start, context.facts, context.places);
  if (!spec.ok) return spec;
  const backend = BACKENDS[deployment.isolation];
  if (backend === undefined) throw new Error(`no backend for ${deployment.isolation}`);
  // In a system on disks of its own nobody of ours looks.
  if ((backend.enter === undefined || spec.value.system !== undefined) && readyOf(deployment, recipe) !== undefined)
    return refusal({ kind: "cannot-see-ready", backend: backend.name, deployment: chosen.deployment.name });
  const memory = secretsFolder(context.places, spec.value.id);
  if (memory === undefined && Object.keys(deployment.secrets ?? {}).length > 0)
    return refusal({
      kind: "host-lacks",
      what: "a file system in memory for secrets",
      fix: "mount a tmpfs at /dev/shm",
    });
  const led = await checkLed(spec.value, context);
  if (!led.ok) return led;
  const ports = await portPlaces(spec.value, context, options.dry);
  if (!ports.ok) return ports;
  const card = await findCard(spec.value, chosen.deployment.name, context);
  if (!card.ok) return card;
  const log = `${context.places.state}/logs/${deployment.name}.log`;
  const plan = planWith(backend, spec.value, {
    facts: context.facts,
    places: context.places,
    streams: options.background ? { log, logBytes: LOG_LIMIT_BYTES } : "passed-on",
    ...ownPlaces(spec.value, isPassing(words) || making, context),
    ...(memory === undefined ? {} : { secrets: memory }),
    screen:
      options.screen ?? screenAsItIs(spec.value, boots(deployment), own?.socket, context.places) ?? PLANNED_SCREEN,
    ...(boots(deployment)
      ? { machine: { ...(options.machine ?? plannedMachine(image, context)), way: options.way ?? PLANNED_WAY } }
      : {}),
    ports: ports.value,
    ...(card.value === undefined ? {} : { card: card.value }),
    hostAddresses: spec.value.contributions.some(({ kind }) => kind === "network") ? hostAddresses() : [],
  });
  if (!plan.ok) return plan;
  return success({
    deployment,
    recipe,
    image,
    effective: effective.value,
    pending: pendingOf(chosen.seen, recipe, chosen.deployment),
    at: chosen.at,
    ownScreen: own?.socket,
    spec: spec.value,
    plan: plan.value,
    steps: [
      ...volumeSteps(recipe, deployment, context),
      ...disks.value.steps,
      ...(options.background
        ? [{ kind: "make-folder", path: `${context.places.state}/logs`, mode: 0o700 } as const]
        : []),
    ],
    notes: [
      ...chosen.notes,
      ...effective.value.flatMap(({ warnings }) => warnings),
      ...plan.value.weaker
        .filter(({ written }) => written)
        .map(({ limit, because }) => `the limit on ${limit} does not hold, as you accepted: ${because}`),
    ],
  });
}

/**
 * Requests whose answer is the deployment's, and changes with it. What the owner has said for one start is so until its
 * end; and of an image from elsewhere it is not known whether it has what a change needs. A machine has the same devices
 * in each start, else it could not go on from its snapshot.
 */
function slotsFor({ recipe, deployment, at }: Chosen, passing: boolean): readonly string[] {
  const same = boots(deployment);
  if (recipe.imported !== undefined || (passing && !same)) return [];
  const own = same ? [] : answeredForThisStart(at);
  return Object.keys({ ...recipe.requests, ...deployment.requests }).filter((name) => !own.includes(name));
}

/** Where the starts of an instance keep what they have in common; nothing of a passing one is to be left. */
function ownPlaces({ id, name }: CompartmentSpec, passing: boolean, { places }: AgentContext) {
  const own = passing ? `${places.runtime}/compartments/${id}` : instanceFolder(name, places);
  return { files: `${own}/files`, claim: `${own}/claim` };
}

export function instanceFolder(name: string, places: Places): string {
  return `${places.runtime}/instances/${name}`;
}

export function isPassing(words: WantedWords): boolean {
  return words.remove || words.packages.length > 0;
}

/** What grants name on this host, and which folders they must not reach. */
export async function joinContext(
  deployment: Pick<Deployment, "answers">,
  context: AgentContext,
): Promise<JoinContext> {
  const findings = new Map<string, Awaited<ReturnType<typeof findPath>>>();
  const own = ownFoldersOf(context);
  const matches = new Map<string, Awaited<ReturnType<typeof matchingFiles>>>();
  for (const [request, { folder, files = [] }] of Object.entries(deployment.answers)) {
    if (folder === undefined) continue;
    const finding = await findPath(folder);
    findings.set(folder, finding);
    const patterns = files.filter(isFilePattern);
    if (finding.real !== undefined && patterns.length > 0)
      matches.set(request, await matchingFiles(finding.real, patterns, own.ownFolders));
  }
  return { findings, matches, ...own };
}

/** Which folders no grant may reach: the same for all deployments. */
export function ownFoldersOf({ places, home }: Pick<AgentContext, "places" | "home">): Omit<JoinContext, "findings"> {
  const own = [places.config, places.data, places.state, places.cache, places.runtime];
  return {
    dataFolder: realOrSelf(places.data),
    ownFolders: own.map(realOrSelf),
    ownLinks: [...own, places.program].flatMap(linksOnTheWay),
    programFolder: realOrSelf(places.program),
    home,
  };
}

async function plannedState(name: string, context: AgentContext): Promise<InstanceState> {
  const uid = context.facts.uid === 0 ? (context.facts.subordinateIds?.uid.first ?? 65534) + 65535 : undefined;
  return (await readInstanceState(name, context)) ?? { machineId: "0".repeat(32), uid };
}

async function checkReady({ places, facts, performer, helper }: AgentContext): Promise<Result<void, LaunchProblem>> {
  const folder = `${places.program}/helper/build`;
  const path = `${folder}/skerry-helper`;
  const state = await helper.state();
  if (!(await performer.list(folder)).includes("skerry-helper")) return refusal({ kind: "helper-missing", path });
  if (state.kind === "stale") return refusal({ kind: "helper-stale", path, writable: state.writable });
  if (facts.uid !== 0) return success(undefined);
  // Compartments of root run as other users, who must be able to pass the folders that lead to the image.
  const shut = await openToAll(places.data);
  return shut === undefined ? success(undefined) : refusal({ kind: "places-shut", folder: shut });
}

/** Arguments that name a host file become a grant of that one file, where the program's rule says so. */
async function argumentFiles(
  { arguments: words, directory, packages }: WantedWords,
  { recipe, deployment }: Chosen,
  context: AgentContext,
) {
  const extra = packages.length > 0 ? words.slice(1) : words;
  const program = recipe.programs[deployment.program ?? Object.keys(recipe.programs)[0] ?? ""];
  const files = new Map<number, { readonly folder: string; readonly name: string }>();
  if (program?.arguments !== "files") return { extra, files };
  const { ownFolders } = await joinContext(deployment, context);
  for (const [index, word] of extra.entries()) {
    if (word === "" || word.startsWith("-") || word.includes("\0")) continue;
    const path = word.startsWith("/") ? word : `${directory}/${word}`;
    const { real, type } = await findPath(path);
    if (real === undefined || type !== "file" || ownFolders.some((own) => isWithin(real, own))) continue;
    const cut = real.lastIndexOf("/");
    if (isCleanAbsolutePath(real)) files.set(index, { folder: real.slice(0, cut) || "/", name: real.slice(cut + 1) });
  }
  return { extra, files };
}

function volumeSteps(recipe: Recipe, deployment: Deployment, { places }: AgentContext): readonly Step[] {
  return Object.entries(recipe.volumes)
    .filter(([, volume]) => volume.class !== "temp")
    .map(([name]) => ({ kind: "make-folder", path: volumePath(places, deployment.name, name), mode: 0o700 }));
}

/** Two places of which one lies in the other: the outer one's content could lead the inner mount elsewhere. */
function overlapOf(
  recipe: Recipe,
  deployment: Deployment,
): { readonly one: string; readonly other: string } | undefined {
  const places = [
    ...Object.entries(recipe.volumes).map(([name, { inside }]) => ({ name, inside })),
    ...Object.entries({ ...recipe.requests, ...deployment.requests }).map(([name, { inside }]) => ({ name, inside })),
  ];
  for (const [index, one] of places.entries()) {
    for (const other of places.slice(index + 1)) {
      if (one.inside === undefined || other.inside === undefined) continue;
      if (isWithin(one.inside, other.inside) || isWithin(other.inside, one.inside)) {
        return { one: `${one.name} at ${one.inside}`, other: `${other.name} at ${other.inside}` };
      }
    }
  }
  return undefined;
}
