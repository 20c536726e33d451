/**
 * Bind: what a request or a link gets from another provider, with its answer as it was. The provider of a folder request is
 * a folder of the owner's; that of a link another instance.
 *
 * Invariants
 * - Nothing else of the file changes, and nothing is granted that was not: what is denied stays denied.
 * - A provider that is not there is refused before anything is written.
 */
import { parseDeployment, setAnswer, setLinkTargets } from "../../descriptor/index.ts";
import { escapeText, type Link, nearest, type Request } from "../../model/index.ts";
import { type Result, refusal, unreachable } from "../../result.ts";
import { findDeployment } from "../catalogue.ts";
import type { AgentContext } from "../context.ts";
import type { AgentProblem } from "../explain.ts";
import { linkedOrder } from "../services/links.ts";
import type { AnswerChanges, Editable } from "./change-answers.ts";

export interface BindWords {
  readonly name: string;
  /** A request's name, or the name by which the app knows a linked instance. */
  readonly request: string;
  /** A folder, absolute or in the owner's home (`~/`), or the name of an instance. */
  readonly provider: string;
}

export interface BindProblem {
  readonly kind: "not-bindable";
  readonly name: string;
  readonly request: string;
  /** `no-folder`: the provider is none. `nothing-granted`: no answer that takes a folder is there to be kept. */
  readonly because: "unknown" | "network" | "display" | "variable" | "no-folder" | "nothing-granted";
  readonly meant: string | undefined;
}

type Bound = Awaited<ReturnType<AnswerChanges["edit"]>>;

export async function bind(words: BindWords, changes: AnswerChanges, context: AgentContext): Promise<Bound> {
  const { name, request, provider } = words;
  let before: string | undefined;
  const done = await changes.edit(name, async (from) => {
    const { links } = from.deployment.service;
    const linked = links.find((link) => nameInside(link) === request);
    const asked = Object.hasOwn(from.requests, request) ? from.requests[request] : undefined;
    if (asked === undefined && linked === undefined) {
      const known = [...Object.keys(from.requests), ...links.map(nameInside)];
      return refusal(notBindable(words, "unknown", nearest(request, known)));
    }
    const bound =
      asked === undefined || (linked !== undefined && asked.service !== "folder")
        ? await withProvider(from, words, context)
        : withFolder(from, asked, words, context);
    if (bound.ok && bound.value !== from.text)
      before = asked?.service === "folder" ? from.deployment.answers[request]?.folder : linked?.to;
    return bound;
  });
  if (done.ok && before !== undefined)
    await context.audit.append({ kind: "bind", instance: name, request, from: before, to: provider });
  return done;
}

function nameInside({ to, as = to }: Link): string {
  return as;
}

function withFolder(
  { text, file, deployment }: Editable,
  { service }: Request,
  words: BindWords,
  { home }: AgentContext,
): Result<string, AgentProblem> {
  const { request, provider } = words;
  switch (service) {
    case "network":
    case "display":
    case "variable":
      return refusal(notBindable(words, service));
    case "folder": {
      const folder = provider.startsWith("~/") ? `${home}${provider.slice(1)}` : provider;
      if (!folder.startsWith("/")) return refusal(notBindable(words, "no-folder"));
      const grant = deployment.answers[request];
      return grant?.folder === undefined
        ? refusal(notBindable(words, "nothing-granted"))
        : setAnswer(text, file, request, { ...grant, folder }, { home });
    }
    default:
      return unreachable(service);
  }
}

/** All ports of one instance under that name go together. */
async function withProvider(
  { text: before, file, deployment }: Editable,
  { name, request, provider }: BindWords,
  context: AgentContext,
): Promise<Result<string, AgentProblem>> {
  const found = await findDeployment(provider, context);
  if (!found.ok) return found;
  const { links } = deployment.service;
  const text = setLinkTargets(before, file, links, (link) => nameInside(link) === request, provider);
  if (!text.ok) return text;
  const parsed = parseDeployment(text.value, { file, name }, context);
  if (!parsed.ok) return parsed;
  const order = await linkedOrder(parsed.value, context);
  return order.ok ? text : order;
}

function notBindable({ name, request }: BindWords, because: BindProblem["because"], meant?: string): BindProblem {
  return { kind: "not-bindable", name, request, because, meant };
}

/** For explain.ts: what is wrong, and the way out. */
export function bindWords({ name, request, because, meant }: BindProblem): readonly [string, string] {
  switch (because) {
    case "unknown":
      return [
        `${name} has no request and no link named "${escapeText(request, 80)}"${meant === undefined ? "" : `; did you mean ${meant}?`}`,
        `skerry describe ${name} lists what it asks for; links stand in its deployment (skerry edit ${name})`,
      ];
    case "network":
      return [
        `the network of ${name} ("${request}") cannot be bound: its provider is this host's agent, and there is no other yet`,
        `skerry grant ${name} ${request}=ANSWER says what it lets through`,
      ];
    case "display":
      return [
        `the display of ${name} ("${request}") cannot be bound: which screen it is follows from its answer`,
        `skerry grant ${name} ${request}=ANSWER: fake is a virtual screen, real that of your session`,
      ];
    case "variable":
      return [
        `"${request}" of ${name} is a variable, which no provider gives`,
        `skerry grant ${name} ${request}=fake:VALUE sets it`,
      ];
    case "no-folder":
      return [
        `"${request}" of ${name} gets a folder, and this is none`,
        `begin it with "/" or "~/": skerry bind ${name} ${request} ~/FOLDER`,
      ];
    case "nothing-granted":
      return [
        `"${request}" of ${name} is granted no folder, and bind keeps an answer as it is`,
        `skerry grant ${name} ${request}=real:FOLDER`,
      ];
    default:
      return unreachable(because);
  }
}
