/**
 * Live links: whom a running compartment reaches becomes what its deployment says now.
 *
 * That is possible where it was started with a network of rules or links. One that was started with none at all has nobody
 * at its gate, and waits for the next start.
 *
 * Invariant: a connection over a link that is not there any more as it was has ended when this is done.
 */
import { linkContributions } from "../../compartment/index.ts";
import type { Deployment } from "../../model/index.ts";
import type { Start } from "../start-record.ts";
import type { AgentContext } from "../context.ts";
import { readInForce, startFolder, writeInForce } from "../grants/in-force.ts";
import { isByRules, LINKS_KEY, linksInForce, networkInForce } from "./in-force.ts";
import { butWords, type Networks } from "./networks.ts";

/**
 * @param runs - whether an instance of that name runs
 * @returns a line for the links, where they have changed since the start or the last such change
 */
export async function changeLinks(
  { record: { spec } }: Start,
  deployment: Deployment,
  runs: (name: string) => boolean,
  networks: Networks,
  context: AgentContext,
): Promise<readonly string[]> {
  const folder = startFolder(spec, context);
  const inForce = await readInForce(folder, context);
  const wanted = linkContributions(deployment);
  if (JSON.stringify(linksInForce(spec, inForce)) === JSON.stringify(wanted)) return [];
  if (!isByRules(spec))
    return [
      `links: take effect at the next start of ${spec.name} (skerry restart ${spec.name}), since it runs without a network by rules or links`,
    ];
  // Written first: an agent that takes over from here on connects no more than what is linked now.
  await writeInForce(folder, new Map([...inForce, [LINKS_KEY, wanted]]), context);
  const { ended: held, astray } = await networks.change(spec.id, await networkInForce(spec, context));
  const gets = wanted.length === 0 ? "nobody" : wanted.map(({ to, port, as }) => `${as}:${port} of ${to}`).join(", ");
  await context.audit.append({ kind: "live-change", instance: spec.name, id: spec.id, request: "links", gets, held });
  const also = held === 0 ? "" : `; ${held === 1 ? "one connection was" : `${held} connections were`} ended`;
  const absent = [...new Set(wanted.map(({ to }) => to))].filter((to) => !runs(to));
  return [
    `links: ${spec.name} now reaches ${gets}${also}${butWords(astray)}`,
    ...absent.map(
      (to) => `links: ${to} does not run, so nobody answers there, unless it is there on demand: skerry start ${to}`,
    ),
  ];
}
