/** In force: what a running compartment gets of a network, as it was started or as it was changed since. */
import type { CompartmentSpec, Contribution } from "../../model/index.ts";
import type { AgentContext } from "../context.ts";
import { type InForce, readInForce, startFolder } from "../grants/in-force.ts";

/** Where changed links stand beside changed requests: no request has such a name. */
export const LINKS_KEY = "links:";

export async function networkInForce(spec: CompartmentSpec, context: AgentContext): Promise<readonly Contribution[]> {
  const inForce = await readInForce(startFolder(spec, context), context);
  const started = spec.contributions.filter((one) => one.kind === "named-network" && !inForce.has(one.request));
  const changed = [...inForce.values()].flat().filter(({ kind }) => kind === "named-network");
  return [...started, ...changed, ...linksInForce(spec, inForce)];
}

export function linksInForce({ contributions }: CompartmentSpec, inForce: InForce) {
  return (inForce.get(LINKS_KEY) ?? contributions).filter((one) => one.kind === "link");
}

/** Whether its namespace is one in which rules and links can change while it runs. */
export function isByRules({ contributions }: CompartmentSpec): boolean {
  return contributions.some(({ kind }) => kind === "named-network" || kind === "link");
}
