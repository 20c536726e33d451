/**
 * Pending: what a recipe asks for beyond what its owner has answered. Pure.
 *
 * Remembered is each request as it was when the owner's answer was given. What a recipe asks for since then is not
 * covered by that answer, and waits for a word of the owner's.
 *
 * Invariants
 * - A recipe that changes never widens a right: an answer lets in what was asked for when it was given, and no more.
 * - A request that has vanished gives nothing, and its answer, which stays in the owner's file, stops no start.
 */
import type { Deployment, Recipe, Request } from "../model/index.ts";

/** What is remembered of the requests of one deployment's recipe, by their names. */
export interface SeenRequests {
  /** As they were when the owner answered, or last saw them denied. */
  readonly known: Readonly<Record<string, Request>>;
  /** Of those that wait the ones that the owner does not want to hear of again, as they were; null for a vanished one. */
  readonly dismissed: Readonly<Record<string, Request | null>>;
}

/**
 * `new`: never asked for before. `wider`: it wants to do more than was answered. `other`: the same name stands for
 * something else. `required`: nothing starts without it any more. `vanished`: not asked for any more.
 */
export type PendingChange = "new" | "wider" | "other" | "required" | "vanished";

export interface Pending {
  readonly request: string;
  readonly change: PendingChange;
  /** Undefined where it has vanished. */
  readonly now: Request | undefined;
  /** Undefined where it is new. */
  readonly before: Request | undefined;
  /** An answer stands in the deployment. */
  readonly answered: boolean;
}

type Answered = Pick<Deployment, "requests" | "answers">;

/** @returns all that waits, dismissed or not, in the order of the recipe; what has vanished comes last */
function changesSince({ known }: SeenRequests, recipe: Pick<Recipe, "requests">, deployment: Answered) {
  const own = (name: string) => Object.hasOwn(deployment.requests, name);
  const out: Pending[] = [];
  for (const [request, now] of Object.entries(recipe.requests)) {
    // What the owner asks for by the same name stands in its place.
    if (own(request)) continue;
    const before = of(known, request);
    const answered = Object.hasOwn(deployment.answers, request);
    const change = changeOf(before, now, of(deployment.answers, request)?.answer ?? "deny", answered);
    if (change !== undefined) out.push({ request, change, now, before, answered });
  }
  for (const [request, before] of Object.entries(known)) {
    if (own(request) || Object.hasOwn(recipe.requests, request)) continue;
    const answered = Object.hasOwn(deployment.answers, request);
    out.push({ request, change: "vanished", now: undefined, before, answered });
  }
  return out;
}

function changeOf(
  before: Request | undefined,
  now: Request,
  answer: string,
  answered: boolean,
): PendingChange | undefined {
  if (before === undefined) return answered ? undefined : "new";
  if (answer === "deny") return before.need === "optional" && now.need === "required" ? "required" : undefined;
  if (before.service !== now.service || before.variable !== now.variable) return "other";
  return now.verbs.some((verb) => !before.verbs.includes(verb)) ? "wider" : undefined;
}

/** What waits for the owner's word. */
export function pendingOf(
  seen: SeenRequests,
  recipe: Pick<Recipe, "requests">,
  deployment: Answered,
): readonly Pending[] {
  return changesSince(seen, recipe, deployment).filter(
    ({ request, now }) =>
      !Object.hasOwn(seen.dismissed, request) || !isSame(of(seen.dismissed, request) ?? undefined, now),
  );
}

/** Requests and answers as far as the one is covered by the other: what grants are joined from. */
export function coveredBy<D extends Answered>(
  seen: SeenRequests,
  recipe: Pick<Recipe, "requests">,
  deployment: D,
): { readonly recipe: Pick<Recipe, "requests">; readonly deployment: D } {
  const requests: Record<string, Request> = { ...recipe.requests };
  const answers = { ...deployment.answers };
  for (const { request, change, now, before } of changesSince(seen, recipe, deployment)) {
    if (change === "other" || change === "vanished") delete answers[request];
    if (change !== "wider" || now === undefined) continue;
    requests[request] = { ...now, verbs: now.verbs.filter((verb) => before?.verbs.includes(verb) === true) };
  }
  return { recipe: { requests }, deployment: { ...deployment, answers } };
}

/**
 * What is remembered from now on. What the owner has answered since is known as it is now; what waits goes on waiting.
 *
 * @param seen - undefined for a deployment that is seen for the first time: then all is known as it is
 */
export function remember(
  seen: SeenRequests | undefined,
  recipe: Pick<Recipe, "requests">,
  deployment: Answered,
): SeenRequests {
  if (seen === undefined) return { known: { ...recipe.requests }, dismissed: {} };
  const waiting = new Set(changesSince(seen, recipe, deployment).map(({ request }) => request));
  const known: Record<string, Request> = { ...seen.known };
  for (const [name, now] of Object.entries(recipe.requests)) {
    if (waiting.has(name) || Object.hasOwn(deployment.requests, name)) continue;
    // A right that was once given in full, and of which the recipe asks for less at the moment, has not become less.
    const denied = (of(deployment.answers, name)?.answer ?? "deny") === "deny";
    if (!Object.hasOwn(known, name) || denied) known[name] = now;
  }
  return { known, dismissed: seen.dismissed };
}

/** The owner's answers cover these requests as they are now, from now on. */
export function accept(
  seen: SeenRequests,
  recipe: Pick<Recipe, "requests">,
  accepted: readonly string[],
): SeenRequests {
  const known: Record<string, Request> = { ...seen.known };
  for (const name of accepted) {
    const now = of(recipe.requests, name);
    if (now !== undefined) known[name] = now;
  }
  return { ...seen, known };
}

/** These wait on, and are not spoken of again until they change. */
export function dismiss(seen: SeenRequests, waiting: readonly Pending[]): SeenRequests {
  const said = waiting.map(({ request, now }) => [request, now ?? null] as const);
  return { ...seen, dismissed: { ...seen.dismissed, ...Object.fromEntries(said) } };
}

function isSame(left: Request | undefined, right: Request | undefined): boolean {
  return JSON.stringify(left ?? null, KEYS) === JSON.stringify(right ?? null, KEYS);
}

/** What a request wants: its reason may be put into other words. */
const KEYS = ["service", "need", "verbs", "inside", "variable"];

/** What stands there by its own name, and nothing that all objects have. */
function of<Value>(map: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(map, name) ? map[name] : undefined;
}
