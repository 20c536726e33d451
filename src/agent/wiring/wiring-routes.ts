/** Wiring routes: the wiring's service as it is on the wire. Translates and nothing else. */
import type { ConnectRouter } from "@connectrpc/connect";
import { WiringService } from "../../contract/index.ts";
import { buildGraph, describePart, type Right, type RightTarget, type StatementFinding } from "../../grant/index.ts";
import { placeText } from "../../model/index.ts";
import { unreachable } from "../../result.ts";
import type { Agent } from "../agent.ts";
import { valueOf } from "../routes.ts";
import { type ExplainedRequest, explainRight } from "./explain-right.ts";
import { linesFor, type Proof, prove } from "./prove.ts";
import { readWiring } from "./wiring.ts";

export function wiringRoutes({ context }: Agent) {
  return (router: ConnectRouter) =>
    router.service(WiringService, {
      async graph() {
        const { deployments, unreadable } = await readWiring(context);
        const { rights, channels } = buildGraph(deployments.map(({ app }) => app));
        const linesOf = linesFor(deployments);
        return {
          instances: deployments.map(({ app: { name, recipe, tags, blocked = "", links } }) => ({
            name,
            recipe,
            tags: [...tags],
            blocked,
            after: [...new Set(links.map(({ to }) => to))],
          })),
          rights: rights.map((right) => rightOf(right, linesOf)),
          channels: [...channels.values()]
            .flatMap((leaving) => [...leaving.values()])
            .map(({ from, to, by }) => ({ from, to, by: by.map((right) => rightOf(right, linesOf)) })),
          unreadable: unreadable.map((each) => ({ ...each })),
        };
      },

      async prove({ claims }) {
        const { proved, linesOf } = valueOf(await prove(claims, context));
        return {
          claims: proved.map(({ claim, weighed }) =>
            weighed.ok
              ? {
                  claim,
                  holds: weighed.value.holds,
                  statements: weighed.value.findings.map((finding) => statementOf(finding, linesOf)),
                  notes: [...weighed.value.notes],
                }
              : { claim, complaint: { at: weighed.problem.at, message: weighed.problem.message } },
          ),
        };
      },
      async explain({ name, target }) {
        const explained = valueOf(await explainRight(name, target, context));
        const { wired, requests, others, linesOf, unreadable } = explained;
        const { thing, can = [], suggestions = [] } = explained.target ?? {};
        return {
          name,
          file: wired.deployment.file,
          blocked: wired.app.blocked ?? "",
          requests: requests.map(requestOf),
          others: others.map((right) => rightOf(right, linesOf)),
          verbs: can.map(({ verb, own, way, perhaps }) => ({
            verb,
            own: own.map((right) => rightOf(right, linesOf)),
            way: own.length > 0 ? [] : (way?.rights ?? []).map((right) => rightOf(right, linesOf)),
            perhaps,
          })),
          targetKind: thing === undefined ? "" : thing.kind === "app" ? "instance" : thing.kind,
          target: thing?.kind === "folder" ? thing.path : target,
          linesToWrite: suggestions.map((each) => ({ ...each })),
          unreadable: [...unreadable],
        };
      },
    });
}

function requestOf({
  name,
  request,
  asked,
  answered,
  letsThrough,
  problem = "",
  notes,
  suggestion,
  ...rest
}: ExplainedRequest) {
  const { service, why, need, verbs } = request;
  return {
    name,
    service,
    why,
    need,
    verbs: [...verbs],
    ...(asked === undefined ? {} : { asked: { ...asked } }),
    ...(answered === undefined ? {} : { answered: { ...answered } }),
    answer: rest.answer,
    gets: rest.gets,
    letsThrough: [...letsThrough],
    problem,
    notes: [...notes],
    ...(suggestion === undefined ? {} : { lineToWrite: { ...suggestion } }),
  };
}

function statementOf({ text, holds, way, perhaps, cannot }: StatementFinding, linesOf: Proof["linesOf"]) {
  return {
    text,
    holds,
    instance: way?.app ?? "",
    meant: (way?.meant ?? []).map((right) => rightOf(right, linesOf)),
    way: (way?.rights ?? []).map((right) => rightOf(right, linesOf)),
    cannot: [...cannot],
    perhaps,
  };
}

const VERBS = { read: "reads", write: "writes", reach: "reaches", publish: "publishes" } as const;

function rightOf(right: Right, linesOf: Proof["linesOf"]) {
  const { app, verb, target, because } = right;
  return {
    instance: app,
    verb: target.kind === "app" ? "links to" : VERBS[verb],
    kind: target.kind === "app" ? "instance" : target.kind,
    target: targetText(target, app),
    ...(because.kind === "answer" ? { request: because.request, answer: because.answer } : {}),
    lines: linesOf(right).map((line) => ({ ...line })),
    hidden: target.kind === "folder" ? [...target.except] : [],
  };
}

function targetText(target: RightTarget, app: string): string {
  switch (target.kind) {
    case "folder":
      return [target.path, ...(target.pattern ?? [])].join("/");
    case "volume":
      return target.volume;
    case "network":
      return `${describePart(target.part)}${target.through === undefined ? "" : ` through ${target.through}`}`;
    case "app":
      return `${target.to}:${target.port}`;
    case "screen":
      if (target.through !== undefined) return `the screen of ${target.through}`;
      return target.screen === "virtual" ? `the virtual screen of ${app}` : "the screen of the session";
    case "place":
      return `port ${target.port} at ${placeText(target.at)}`;
    default:
      return unreachable(target);
  }
}
