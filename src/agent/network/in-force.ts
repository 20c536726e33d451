/** In force: what a running compartment gets of a network, as it was started or as it was changed since. */
import type { CompartmentSpec, Contribution } from "../../model/index.ts";
import type { AgentContext } from "../context.ts";
import { readInForce, startFolder } from "../grants/in-force.ts";

export async function networkInForce(spec: CompartmentSpec, context: AgentContext): Promise<readonly Contribution[]> {
  const inForce = await readInForce(startFolder(spec, context), context);
  const started = spec.contributions.filter(
    (one) => one.kind === "link" || (one.kind === "named-network" && !inForce.has(one.request)),
  );
  return [...started, ...[...inForce.values()].flat().filter(({ kind }) => kind === "named-network")];
}
