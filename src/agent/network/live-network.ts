/**
 * Live network: the rules of a running compartment's network become what its deployment says now.
 *
 * That is possible where it was started with a network by rules, and is to have one or none: another kind of network is
 * another namespace, and waits for the next start.
 *
 * Invariant: a connection that was made under a rule that is not there any more as it was has ended when this is done.
 */
import type { Effective } from "../../grant/index.ts";
import type { Start } from "../start-record.ts";
import type { AgentContext } from "../context.ts";
import { readInForce, startFolder, writeInForce } from "../grants/in-force.ts";
import { isByRules, networkInForce } from "./in-force.ts";
import { butWords, type Networks } from "./networks.ts";

/** @returns a line for each network request that has changed since the start, or the last such change */
export async function changeNetwork(
  { record: { spec } }: Start,
  wanted: readonly Effective[],
  networks: Networks,
  context: AgentContext,
): Promise<readonly string[]> {
  const folder = startFolder(spec, context);
  const inForce = await readInForce(folder, context);
  const real = (effective: Effective) => effective.contributions.some(({ kind }) => kind === "network");
  const changed = wanted.filter((effective) => {
    const { service, request, contributions } = effective;
    // What a real network was granted for is not written beside it.
    const another = wanted.some((one) => one !== effective && real(one));
    const before =
      inForce.get(request) ??
      spec.contributions.filter(
        (one) => (one.kind === "network" && !another) || (one.kind === "named-network" && one.request === request),
      );
    return service === "network" && JSON.stringify(before) !== JSON.stringify(contributions);
  });
  if (changed.length === 0) return [];
  const byRules = isByRules(spec);
  const otherKind = wanted.some(real);
  if (!byRules || otherKind)
    return changed.map(
      ({ request }) =>
        `${request}: takes effect at the next start of ${spec.name} (skerry restart ${spec.name}), since it ${byRules ? "runs" : "does not run"} with a network by rules`,
    );
  const now = new Map([...inForce, ...changed.map(({ request, contributions }) => [request, contributions] as const)]);
  // Written first: an agent that takes over from here on gives no more than what is granted now.
  await writeInForce(folder, now, context);
  const { ended, astray } = await networks.change(spec.id, await networkInForce(spec, context));
  for (const { request, gets } of changed)
    await context.audit.append({ kind: "live-change", instance: spec.name, id: spec.id, request, gets, held: ended });
  const also = ended === 0 ? "" : `; ${ended === 1 ? "one connection was" : `${ended} connections were`} ended`;
  return changed.map(({ request, gets }) => `${request}: ${spec.name} now gets ${gets}${also}${butWords(astray)}`);
}
