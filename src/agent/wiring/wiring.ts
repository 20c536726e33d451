/**
 * Wiring: all deployments with their recipes as they lie on the disk, read for the graph of what they let through.
 *
 * Each request is joined by itself, so that one that cannot be given does not hide what the others would give. A granted
 * folder that is not there yet counts as the folder that it would be.
 */
import { coveredBy, type Effective, type JoinContext, joinGrants, type WiredApp } from "../../grant/index.ts";
import { BACKENDS } from "../../backends/index.ts";
import { realOrSelf } from "../../host/index.ts";
import { type Deployment, type Publish, type Recipe, type Request, SEED_DISK } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import { deploymentNames, type Found, findDeployment, findRecipe } from "../catalogue.ts";
import type { AgentContext } from "../context.ts";
import { type AgentProblem, explain } from "../explain.ts";
import { seenFor } from "../grants/pending.ts";
import { grantedVariables } from "../grants/session-variables.ts";
import { Findings } from "./findings.ts";

export interface WiredDeployment {
  readonly app: WiredApp;
  readonly deployment: Found<Deployment>;
  readonly recipe: Found<Recipe>;
}

export interface Wiring {
  /** Sorted by name. */
  readonly deployments: readonly WiredDeployment[];
  /** Of these nothing is known. */
  readonly unreadable: readonly { readonly name: string; readonly problem: string }[];
}

/** Files that are looked up at the same time. */
const AT_ONCE = 50;

export async function readWiring(context: AgentContext): Promise<Wiring> {
  const deployments: WiredDeployment[] = [];
  const unreadable: { readonly name: string; readonly problem: string }[] = [];
  const names = (await deploymentNames(context)).toSorted();
  const found = new Findings(context);
  for (let from = 0; from < names.length; from += AT_ONCE) {
    const some = names.slice(from, from + AT_ONCE);
    const all = await Promise.all(some.map(async (name) => ({ name, wired: await readWired(name, context, found) })));
    for (const { name, wired } of all) {
      if (wired.ok) deployments.push(wired.value);
      else unreadable.push({ name, problem: explain(wired.problem).text });
    }
  }
  return { deployments, unreadable };
}

/** @param findings - of who reads many at once */
export async function readWired(
  name: string,
  context: AgentContext,
  findings = new Findings(context),
): Promise<Result<WiredDeployment, AgentProblem>> {
  const deployment = await findDeployment(name, context);
  if (!deployment.ok) return deployment;
  const recipe = await findRecipe(deployment.value.thing.recipe, context);
  if (!recipe.ok) return recipe;
  const { thing } = deployment.value;
  const seen = await seenFor(recipe.value.thing, thing, context, false);
  if (!seen.ok) return seen;
  const covered = coveredBy(seen.value, recipe.value.thing, thing);
  const session = await grantedVariables(covered.recipe, covered.deployment, { dry: true }, context);
  const found = { ...(await findings.for(thing)), session };
  const whole = joinGrants(covered.recipe, covered.deployment, found);
  const requests = { ...covered.recipe.requests, ...thing.requests };
  const app: WiredApp = {
    name,
    recipe: thing.recipe,
    tags: thing.tags,
    effective: whole.ok ? whole.value : eachByItself(requests, covered.deployment, asIfThere(found)),
    volumes: Object.keys(recipe.value.thing.volumes),
    links: thing.service.links,
    publish: (thing.publish ?? []).map(realPlace),
    secretFiles: Object.entries(thing.secrets ?? {}).flatMap(([secret, source]) =>
      source.kind === "file" ? [{ secret, path: realOrSelf(source.path) }] : [],
    ),
    disks: ofDisks(thing),
    blocked: whole.ok ? unconnected(thing) : explain(whole.problem).text.split("\n")[0],
  };
  return success({ app, deployment: deployment.value, recipe: recipe.value });
}

/** Files of the owner's that a system of its own has as disks, or what is on one. */
function ofDisks({ disks = {}, cloudInit }: Deployment): WiredApp["disks"] {
  const named = Object.entries(disks).flatMap(([disk, { answer, file }]) =>
    // What is written to a copy stays with the instance.
    file === undefined || answer === "deny" ? [] : [{ disk, path: realOrSelf(file), writable: answer === "real" }],
  );
  const { userData } = cloudInit ?? {};
  return userData === undefined ? named : [...named, { disk: SEED_DISK, path: realOrSelf(userData), writable: false }];
}

function realPlace({ port, at }: Publish): Publish {
  return { port, at: at.kind === "socket" ? { ...at, path: realOrSelf(at.path) } : at };
}

/** A wall that cannot connect links refuses each start of what has one; the same with ports that are published. */
function unconnected({ isolation, service, publish = [] }: Deployment): string | undefined {
  if (publish.length > 0 && BACKENDS[isolation]?.enforces.has("publish") !== true)
    return `${isolation} cannot publish ports`;
  const connects = BACKENDS[isolation]?.enforces.has("link") === true;
  const link = connects ? undefined : service.links.find(({ port }) => port !== undefined);
  return link === undefined ? undefined : `${isolation} cannot connect it to port ${link.port} of ${link.to}`;
}

function eachByItself(
  requests: Readonly<Record<string, Request>>,
  { name, answers }: Deployment,
  context: JoinContext,
): readonly Effective[] {
  return Object.entries(requests).flatMap(([request, wish]) => {
    const grant = Object.hasOwn(answers, request) ? answers[request] : undefined;
    const alone = { name, requests: {}, answers: grant === undefined ? {} : { [request]: grant } };
    const joined = joinGrants({ requests: { [request]: wish } }, alone, context);
    return joined.ok ? joined.value : [];
  });
}

function asIfThere(context: JoinContext): JoinContext {
  const findings = new Map(
    [...context.findings].map(([path, finding]) => [
      path,
      finding.real === undefined ? ({ real: realOrSelf(path), type: "folder" } as const) : finding,
    ]),
  );
  return { ...context, findings };
}

/** Nothing is said of all of them while there is one of which nothing is known. */
export function allReadable({ deployments, unreadable }: Wiring): Result<readonly WiredDeployment[], UnreadableWiring> {
  return unreadable.length === 0 ? success(deployments) : refusal({ kind: "unreadable-wiring", unreadable });
}

export interface UnreadableWiring {
  readonly kind: "unreadable-wiring";
  readonly unreadable: Wiring["unreadable"];
}
