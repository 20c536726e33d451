/**
 * Links: before an instance is started, all that it links to is started and ready, in the order of the links.
 *
 * What starts and waits is handed in: this file only says what comes when, and what it means when one of them fails.
 */
import { type LinkCycle, linkOrder } from "../../compartment/index.ts";
import type { Deployment, Link } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import { type CatalogueProblem, findDeployment } from "../catalogue.ts";
import type { AgentContext, Work } from "../context.ts";
import type { AgentProblem } from "../explain.ts";

export type LinkProblem =
  | LinkCycle
  | CatalogueProblem
  | {
      readonly kind: "link-fails";
      readonly name: string;
      readonly to: string;
      readonly because: AgentProblem;
    };

/** Starts it where it does not run, and waits until it is ready. @returns true where it was started */
type BringUp = (name: string) => Promise<Result<boolean, AgentProblem>>;

/** @returns the names of those that were started for it */
export async function bringUpLinked(
  deployment: Deployment,
  context: AgentContext,
  bringUp: BringUp,
  work: Work,
): Promise<Result<readonly string[], LinkProblem>> {
  const { name } = deployment;
  const order = await linkedOrder(deployment, context);
  if (!order.ok) return order;
  const started: string[] = [];
  for (const to of order.value.filter((one) => one !== name)) {
    work.report({ kind: "phase", text: `starting ${to}, which ${name} needs` });
    const up = await bringUp(to);
    if (!up.ok) return refusal({ kind: "link-fails", name, to, because: up.problem });
    if (up.value) started.push(to);
  }
  return success(started);
}

/** All that it needs from its start on, and last itself, each behind those that it links to. */
export async function linkedOrder(
  { name, service, answers }: Deployment,
  context: AgentContext,
): Promise<Result<readonly string[], LinkCycle | CatalogueProblem>> {
  const links = new Map([[name, neededBy({ service, answers })]]);
  const onDemand = new Set<string>();
  const read = await readLinks(links, onDemand, context);
  if (!read.ok) return read;
  // Who is only connected to comes up when it is.
  const needed = ({ to, port }: Link) => port === undefined || !onDemand.has(to);
  return linkOrder([name], (one) => (links.get(one) ?? []).filter(needed).map(({ to }) => to));
}

/** Adds to the map whom each named one links to, until all that are named are known. */
async function readLinks(
  links: Map<string, readonly Link[]>,
  onDemand: Set<string>,
  context: AgentContext,
): Promise<Result<void, CatalogueProblem>> {
  for (;;) {
    const unread = [...links.values()].flat().find(({ to }) => !links.has(to));
    if (unread === undefined) return success(undefined);
    const found = await findDeployment(unread.to, context);
    if (!found.ok) return found;
    const { service } = found.value.thing;
    if (service.onDemand !== undefined) onDemand.add(unread.to);
    links.set(unread.to, neededBy(found.value.thing));
  }
}

/** Whom it links to, and through whose machine its way leads: that one has to be there as well. */
function neededBy({ service, answers }: Pick<Deployment, "service" | "answers">): readonly Link[] {
  const through = Object.values(answers).flatMap((grant) => grant.through ?? []);
  return [...service.links, ...through.map((to): Link => ({ to, port: undefined, as: undefined }))];
}
