/**
 * Pending: what is remembered of each deployment's requests, so that an update of a recipe never widens a right.
 *
 * Kept beside the state, never in the owner's file: `pending/NAME.json`. What waits, and what it means for a start, is
 * decided in grant/pending.ts.
 */
import {
  accept,
  dismiss,
  exampleLine,
  type Pending,
  pendingOf,
  remember,
  type SeenRequests,
} from "../../grant/index.ts";
import type { Deployment, Recipe } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import type { StepProblem } from "../../step/index.ts";
import { type CatalogueProblem, deploymentNames, findDeployment, findRecipe } from "../catalogue.ts";
import { type AgentContext, QUIET } from "../context.ts";
import { sha256 } from "../store/images.ts";
import { sayOnce } from "../note-once.ts";

export type PendingProblem =
  | CatalogueProblem
  | StepProblem
  | {
      readonly kind: "not-pending";
      readonly name: string;
      readonly request: string;
      readonly known: readonly string[];
    }
  | {
      readonly kind: "answer-first";
      readonly name: string;
      readonly request: string;
      readonly line: string;
    };

export interface InstancePending extends Pending {
  readonly instance: string;
  /** The line that would answer it; empty where there is nothing to write. */
  readonly line: string;
}

export function pendingFile({ places }: Pick<AgentContext, "places">, name: string): string {
  return `${places.state}/pending/${name}.json`;
}

async function readSeen(name: string, { performer, places }: AgentContext): Promise<SeenRequests | undefined> {
  const text = await performer.readText(pendingFile({ places }, name));
  return text === undefined ? undefined : JSON.parse(text);
}

/**
 * What is remembered, brought up to the deployment as its owner has written it.
 *
 * @param deployment - as it stands in the file, without the flags of one start
 * @param keep - false where nothing is to be written
 */
export async function seenFor(
  recipe: Recipe,
  deployment: Deployment,
  context: AgentContext,
  keep: boolean,
): Promise<Result<SeenRequests, StepProblem>> {
  const before = await readSeen(deployment.name, context);
  const after = remember(before, recipe, deployment);
  const written = keep ? await writeSeen(deployment.name, before, after, context) : success(undefined);
  return written.ok ? success(after) : written;
}

async function writeSeen(
  name: string,
  before: SeenRequests | undefined,
  after: SeenRequests,
  context: AgentContext,
): Promise<Result<void, StepProblem>> {
  const content = JSON.stringify(after);
  if (before !== undefined && JSON.stringify(before) === content) return success(undefined);
  const step = { kind: "write-file", path: pendingFile(context, name), mode: 0o600, content } as const;
  const written = await context.performer.perform(step, QUIET);
  return written.ok ? success(undefined) : written;
}

/** What is said at a start, once for each change of what waits. */
export async function pendingNotes(
  name: string,
  pending: readonly Pending[],
  context: AgentContext,
): Promise<readonly string[]> {
  if (pending.length === 0) return [];
  const key = `pending ${name} ${sha256(JSON.stringify(pending)).slice(0, 16)}`;
  const fresh = await sayOnce(new Map([[key, `${waitingText(name, pending)} (said once)`]]), context);
  if (fresh.length > 0)
    await context.audit.append({ kind: "pending", instance: name, requests: pending.map(pendingLine) });
  return fresh;
}

/** What waits for the deployments of a recipe that was just built or upgraded. */
export async function waitingFor(recipe: string, context: AgentContext): Promise<readonly string[]> {
  const out: string[] = [];
  for (const name of await deploymentNames(context)) {
    const found = await pendingFor(name, context);
    if (!found.ok || found.value.recipe.name !== recipe || found.value.pending.length === 0) continue;
    out.push(waitingText(name, found.value.pending));
  }
  return out;
}

function waitingText(name: string, pending: readonly Pending[]): string {
  const what = pending.map(({ request, change }) => `${request} (${change})`).join(", ");
  return `${name}: its recipe has changed what it asks for: ${what}; nothing more is granted until you say so: skerry pending ${name}`;
}

function pendingLine({ request, change, now }: Pending): string {
  return `${request}: ${change}${now === undefined ? "" : `, ${[now.service, ...now.verbs].join(" ")}`}`;
}

async function pendingFor(name: string, context: AgentContext) {
  const found = await findDeployment(name, context);
  if (!found.ok) return found;
  const recipe = await findRecipe(found.value.thing.recipe, context);
  if (!recipe.ok) return recipe;
  const before = await readSeen(name, context);
  const seen = remember(before, recipe.value.thing, found.value.thing);
  const pending = pendingOf(seen, recipe.value.thing, found.value.thing);
  return success({ before, seen, pending, recipe: recipe.value.thing, deployment: found.value.thing });
}

/** @param names - instances; none means all */
export async function listPending(
  names: readonly string[],
  context: AgentContext,
): Promise<Result<readonly InstancePending[], PendingProblem>> {
  const out: InstancePending[] = [];
  for (const name of names.length === 0 ? await deploymentNames(context) : names) {
    const found = await pendingFor(name, context);
    // Of all of them, one that cannot be read has its complaint elsewhere.
    if (!found.ok && names.length === 0) continue;
    if (!found.ok) return found;
    out.push(...found.value.pending.map((each) => ({ ...each, instance: name, line: lineFor(each, name) })));
  }
  return success(out);
}

function lineFor({ request, change, now, answered }: Pending, name: string): string {
  if (change === "vanished") return answered ? `take ${request} out of the answers` : "";
  if (change === "wider" || change === "other") return `skerry pending ${name} --accept ${request}`;
  return now === undefined ? "" : exampleLine(request, now);
}

export interface PendingWord {
  readonly name: string;
  /** Requests that the answers in the file are to cover as they are now. */
  readonly accept: readonly string[];
  /** All else that waits is not spoken of again, and goes on without. */
  readonly dismiss: boolean;
}

/** The owner's word on what waits. The deployment's file is not touched. */
export async function settlePending(
  { name, accept: accepted, dismiss: dismissed }: PendingWord,
  context: AgentContext,
): Promise<Result<readonly InstancePending[], PendingProblem>> {
  const found = await pendingFor(name, context);
  if (!found.ok) return found;
  const { before, seen, pending, recipe, deployment } = found.value;
  for (const request of accepted) {
    const waits = pending.find((each) => each.request === request && each.change !== "vanished");
    if (waits === undefined)
      return refusal({ kind: "not-pending", name, request, known: pending.map((each) => each.request) });
    if (!waits.answered && waits.now !== undefined)
      return refusal({ kind: "answer-first", name, request, line: exampleLine(request, waits.now) });
  }
  const covered = accept(seen, recipe, accepted);
  const rest = pendingOf(covered, recipe, deployment);
  const after = dismissed ? dismiss(covered, rest) : covered;
  const written = await writeSeen(name, before, after, context);
  if (!written.ok) return written;
  if (accepted.length > 0 || (dismissed && rest.length > 0)) {
    const said = dismissed ? rest.map(({ request }) => request) : [];
    await context.audit.append({ kind: "pending-settled", instance: name, accepted, dismissed: said });
  }
  return await listPending([name], context);
}
