/** Wiring routes: the wiring's service as it is on the wire. Translates and nothing else. */
import type { ConnectRouter } from "@connectrpc/connect";
import { WiringService } from "../../contract/index.ts";
import { buildGraph, describePart, type Right, type RightTarget, type StatementFinding } from "../../grant/index.ts";
import { unreachable } from "../../result.ts";
import type { Agent } from "../agent.ts";
import { valueOf } from "../routes.ts";
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
    });
}

function statementOf({ text, holds, way, cannot }: StatementFinding, linesOf: Proof["linesOf"]) {
  return {
    text,
    holds,
    instance: way?.app ?? "",
    meant: (way?.meant ?? []).map((right) => rightOf(right, linesOf)),
    way: (way?.rights ?? []).map((right) => rightOf(right, linesOf)),
    cannot: [...cannot],
  };
}

const VERBS = { read: "reads", write: "writes", reach: "reaches" } as const;

function rightOf(right: Right, linesOf: Proof["linesOf"]) {
  const { app, verb, target, because } = right;
  return {
    instance: app,
    verb: target.kind === "app" ? "links to" : VERBS[verb],
    kind: target.kind === "app" ? "instance" : target.kind,
    target: targetText(target),
    ...(because.kind === "answer" ? { request: because.request, answer: because.answer } : {}),
    lines: linesOf(right).map((line) => ({ ...line })),
    hidden: target.kind === "folder" ? [...target.except] : [],
  };
}

function targetText(target: RightTarget): string {
  switch (target.kind) {
    case "folder":
      return target.path;
    case "volume":
      return target.volume;
    case "network":
      return describePart(target.part);
    case "app":
      return `${target.to}:${target.port}`;
    default:
      return unreachable(target);
  }
}
