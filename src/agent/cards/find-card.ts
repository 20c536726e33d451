/**
 * Find card: from the owner's word on a network card of this host to one that was looked at and can be given to a machine.
 *
 * Looked at anew for each plan and each start: cards come and go, and so do the ways out of a host.
 */
import { type CardFault, DEFAULT_MEMORY_MIB, type FoundCard, judgeCard } from "../../backends/index.ts";
import { readPci } from "../../host/index.ts";
import type { CompartmentSpec } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import type { AgentContext } from "../context.ts";

export interface CardProblem {
  readonly kind: "bad-card";
  readonly deployment: string;
  readonly request: string;
  readonly card: string;
  readonly because: CardFault;
}

/** @param deployment - as its owner knows it */
export async function findCard(
  { contributions, limits }: Pick<CompartmentSpec, "contributions" | "limits">,
  deployment: string,
  { facts }: Pick<AgentContext, "facts">,
): Promise<Result<FoundCard | undefined, CardProblem>> {
  const wanted = contributions.find((one) => one.kind === "card");
  if (wanted === undefined) return success(undefined);
  const found = judgeCard(wanted.card, await readPci(), {
    asRoot: facts.uid === 0,
    memoryBytes: limits.memoryBytes ?? DEFAULT_MEMORY_MIB * 1024 * 1024,
  });
  if (found.ok) return found;
  const { because } = found.problem;
  return refusal({ kind: "bad-card", deployment, request: wanted.request, card: wanted.card.pci, because });
}
