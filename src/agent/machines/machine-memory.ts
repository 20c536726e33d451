/**
 * Machine memory: how much memory the system of a running machine has, and a change of that by its owner's hand.
 *
 * It is between what a machine needs for itself and what it was started with. The system inside gives back by itself: what is
 * asked of it is no limit, and what it has is told again by whoever runs it.
 */
import { BACKENDS, memoryRange } from "../../backends/index.ts";
import { machineMemory } from "../../host/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import type { Agent } from "../agent.ts";
import type { AgentProblem } from "../explain.ts";

export interface MachineMemory {
  readonly memoryMiB: number;
  readonly mostMiB: number;
}

/** @param wantedMiB - undefined: it is looked at, and stays as it is */
export async function memoryOfMachine(
  { compartments, context }: Pick<Agent, "compartments" | "context">,
  name: string,
  wantedMiB: number | undefined,
): Promise<Result<MachineMemory, AgentProblem>> {
  const standing = await compartments.standing(name);
  if (!standing.ok) return standing;
  const { start, wall } = standing.value;
  const { isolation } = start.record;
  if (BACKENDS[isolation]?.boots !== true) return refusal({ kind: "no-machine", name, isolation });
  if (wall.spec.system !== undefined) return refused(name, { fault: "own-system" });
  if (start.state === "frozen") return refusal({ kind: "is-frozen", name });
  const { leastMiB, mostMiB } = memoryRange(wall.spec);
  if (wantedMiB !== undefined && (wantedMiB < leastMiB || wantedMiB > mostMiB))
    return refused(name, { fault: "out-of-range", leastMiB, mostMiB });
  const answered = await machineMemory({ pid: wall.childPid, startTicks: wall.startTicks }, wantedMiB);
  if (!answered.ok) return refused(name, { fault: "not-said", because: answered.problem.because });
  if (wantedMiB !== undefined)
    await context.audit.append({ kind: "machine-memory", instance: name, id: wall.spec.id, wantedMiB });
  return success({ memoryMiB: answered.value, mostMiB });
}

function refused(name: string, because: MemoryProblem["because"]): Result<never, MemoryProblem> {
  return refusal({ kind: "machine-memory", name, because });
}

export interface MemoryProblem {
  readonly kind: "machine-memory";
  readonly name: string;
  readonly because:
    | { readonly fault: "own-system" }
    | { readonly fault: "out-of-range"; readonly leastMiB: number; readonly mostMiB: number }
    | { readonly fault: "not-said"; readonly because: string };
}
