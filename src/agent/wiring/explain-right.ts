/**
 * Explain a right: why an instance may do a thing or may not, as the chain from the line that asks for it over the line that
 * answers to what that lets through; over others where they hand it on; and where a chain ends, the lines that would go on.
 */
import {
  buildGraph,
  type Can,
  describePart,
  type Effective,
  type Graph,
  joinGrants,
  type NetworkAsked,
  parseAsked,
  type Right,
  type Thing,
  whatCan,
  pickGets,
} from "../../grant/index.ts";
import { hostAddresses, realOrSelf } from "../../host/index.ts";
import { type Contribution, isCleanAbsolutePath, nearest, placeText, type Request } from "../../model/index.ts";
import { type Result, refusal, success, unreachable } from "../../result.ts";
import type { AgentContext } from "../context.ts";
import { type AgentProblem, explain } from "../explain.ts";
import { grantedVariables } from "../grants/session-variables.ts";
import { Findings } from "./findings.ts";
import { brokerSays } from "./broker-says.ts";
import { type FileLine, Lines } from "./lines.ts";
import { linesFor } from "./prove.ts";
import { answerFor, linesFor as linesToWrite, type Suggestion, type Wish } from "./suggest.ts";
import { readWired, readWiring, type WiredDeployment } from "./wiring.ts";

export interface NoSuchTarget {
  readonly kind: "no-such-target";
  readonly name: string;
  readonly target: string;
  readonly meant: string | undefined;
}

const SCREENS = {
  virtual: "the socket of a virtual screen",
  own: "the socket of the session's screen",
  part: "a socket of the session's screen for windows of its own",
} as const;

/** One request with its chain. */
export interface ExplainedRequest {
  readonly name: string;
  readonly request: Request;
  readonly asked: FileLine | undefined;
  readonly answer: string;
  /** Undefined where nothing is written, which is a denial. */
  readonly answered: FileLine | undefined;
  readonly gets: string;
  readonly letsThrough: readonly string[];
  /** Why the answer cannot be given as things are. */
  readonly problem: string | undefined;
  /** What it asks for since its owner has answered, and does not get; what a broker decides. */
  readonly notes: readonly string[];
  readonly suggestion: Suggestion | undefined;
}

export interface Explanation {
  readonly wired: WiredDeployment;
  /** All of them; with a target those that lead to it, or could. */
  readonly requests: readonly ExplainedRequest[];
  /** Without a target: volumes and links. */
  readonly others: readonly Right[];
  readonly target:
    | { readonly thing: Thing; readonly can: readonly Can[]; readonly suggestions: readonly Suggestion[] }
    | undefined;
  readonly linesOf: (right: Right) => readonly FileLine[];
  readonly unreadable: readonly string[];
}

export async function explainRight(
  name: string,
  target: string,
  context: AgentContext,
): Promise<Result<Explanation, AgentProblem | NoSuchTarget>> {
  const wired = await readWired(name, context);
  if (!wired.ok) return wired;
  const wiring = await readWiring(context);
  const graph = buildGraph(wiring.deployments.map(({ app }) => app));
  const requests = { ...wired.value.recipe.thing.requests, ...wired.value.deployment.thing.requests };
  const explained = await explainedRequests(requests, wired.value, context);
  const base = {
    wired: wired.value,
    linesOf: linesFor(wiring.deployments),
    unreadable: wiring.unreadable.map((each) => each.name),
  };
  if (target === "" || Object.hasOwn(requests, target)) {
    const own = graph.rightsOf.get(name) ?? [];
    return success({
      ...base,
      requests: target === "" ? explained : explained.filter((one) => one.name === target),
      others: target === "" ? own.filter(({ because }) => because.kind !== "answer") : [],
      target: undefined,
    });
  }
  const thing = thingFor(name, target, graph, context.home);
  if (!thing.ok) return thing;
  const can = whatCan(name, thing.value, graph);
  const asked = thing.value.kind === "network" ? thing.value.asked : undefined;
  const says = (one: ExplainedRequest) => {
    const effective = wired.value.app.effective.find(({ request }) => request === one.name);
    return asked && effective && brokerSays(effective.contributions, asked, hostAddresses());
  };
  const own = new Set(
    can.flatMap((one) => one.own).map(({ because }) => (because.kind === "answer" ? because.request : "")),
  );
  const missing = can.some((one) => one.own.length === 0 || one.perhaps);
  const wish = missing ? wishOf(thing.value, target) : undefined;
  return success({
    ...base,
    requests: explained
      .filter((one) => own.has(one.name) || (missing && one.request.service === thing.value.kind))
      .map((one) => {
        const said = says(one);
        return said === undefined ? one : { ...one, notes: [...one.notes, said] };
      }),
    others: [],
    target: {
      thing: thing.value,
      can,
      suggestions: wish === undefined ? [] : linesToWrite(wish, requests, wired.value.deployment.thing, context.home),
    },
  });
}

function thingFor(name: string, target: string, graph: Graph, home: string): Result<Thing, NoSuchTarget> {
  const volumes = graph.apps.get(name)?.volumes ?? [];
  const path = target === "~" ? home : target.startsWith("~/") ? `${home}${target.slice(1)}` : target;
  const clean = path.length > 1 ? path.replace(/\/$/, "") : path;
  if (isCleanAbsolutePath(clean)) return success({ kind: "folder", path: realOrSelf(clean) });
  if (volumes.includes(target)) return success({ kind: "volume", app: name, volume: target, at: 0 });
  if (graph.apps.has(target)) return success({ kind: "app", name: target, at: 0 });
  const asked: NetworkAsked | undefined = parseAsked(target);
  if (asked !== undefined) return success({ kind: "network", asked });
  const meant = nearest(target, [
    ...(graph.apps.get(name)?.effective ?? []).map(({ request }) => request),
    ...volumes,
    ...graph.apps.keys(),
  ]);
  return refusal({ kind: "no-such-target", name, target, meant });
}

function wishOf(thing: Thing, text: string): Wish | undefined {
  switch (thing.kind) {
    case "folder":
      return { kind: "folder", path: thing.path };
    case "network":
      return { kind: "network", text };
    case "app":
      return { kind: "app", to: thing.name };
    case "volume":
      return undefined;
    default:
      return unreachable(thing);
  }
}

async function explainedRequests(
  requests: Readonly<Record<string, Request>>,
  wired: WiredDeployment,
  context: AgentContext,
): Promise<readonly ExplainedRequest[]> {
  const { app, deployment } = wired;
  const { name, answers } = deployment.thing;
  const own = new Findings(context);
  const session = await grantedVariables({ requests }, deployment.thing, { dry: true }, context);
  const found = { ...(await own.for(deployment.thing)), session };
  const lines = new Lines();
  return Object.entries(requests).map(([each, request]): ExplainedRequest => {
    const grant = Object.hasOwn(answers, each) ? answers[each] : undefined;
    const alone = { name, requests: {}, answers: grant === undefined ? {} : { [each]: grant } };
    const joined = joinGrants({ requests: { [each]: request } }, alone, found);
    // What is covered by the owner's answer, which may be less than is asked for by now.
    const effective: Effective | undefined = app.effective.find((one) => one.request === each);
    const gets = joined.ok ? (effective ?? joined.value[0]) : undefined;
    const denied = (gets?.answer ?? "deny") === "deny";
    const notes =
      joined.ok && gets !== undefined && gets.gets !== joined.value[0]?.gets
        ? [`its recipe asks for more since this was answered: skerry pending ${name}`]
        : [];
    return {
      name: each,
      request,
      asked: lines.asked(each, wired),
      answer: grant?.answer ?? "deny",
      answered: lines.in(deployment, ["answers", each]),
      gets: gets?.gets ?? "nothing",
      letsThrough: (gets?.contributions ?? []).map(contributionText),
      problem: joined.ok ? undefined : explain(joined.problem).text,
      notes,
      suggestion: denied && joined.ok ? answerFor(each, request) : undefined,
    };
  });
}

/** In neutral words; what a variable holds may be a secret. */
function contributionText(one: Contribution): string {
  switch (one.kind) {
    case "bind":
      return `${one.source} appears at ${one.target}, ${one.access === "write" ? "read and write" : "read-only"}`;
    case "copy":
      return `${one.source} appears at ${one.target} as a copy; what is written waits for its owner`;
    case "pick":
      return pickGets(one);
    case "empty-folder":
      return `an empty folder at ${one.target}`;
    case "slot":
      return `a folder that is filled while it runs, at ${one.target}`;
    case "memory-folder":
      return `a folder in memory at ${one.target}`;
    case "file":
      return `a small file at ${one.target}`;
    case "variable":
      return `the variable ${one.name}`;
    case "network":
      return describePart({ kind: "everything", zones: one.zones });
    case "named-network":
      return one.rules.length === 0
        ? "a network in which nothing answers"
        : `a network of the broker's, which lets through ${one.rules.map((rule) => rule.text).join(", ")}`;
    case "display":
      return one.through === undefined ? SCREENS[one.screen] : `a socket for windows of its own at ${one.through}`;
    case "port":
      return one.rules === undefined
        ? `${describePart({ kind: "everything", zones: one.zones })}, through ${one.through}`
        : `${one.rules.map((rule) => rule.text).join(", ")}, through ${one.through}`;
    case "card":
      return `the network card ${one.card.pci} of this host, whole`;
    case "ports":
      return "ports of the machines whose way leads through it";
    case "secret":
      return `the secret ${one.name}${one.source.as === undefined ? "" : ` as a ${one.source.as}`}`;
    case "publish":
      return `port ${one.port} is reached at ${placeText(one.at)} of this host`;
    case "disk":
      return `the ${one.as} ${one.name}`;
    case "link":
      return `${one.to}:${one.port} under the name ${one.as}`;
    default:
      return unreachable(one);
  }
}
