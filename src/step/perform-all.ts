/** Perform all: several steps, one after the other, up to the first that fails. */
import { type Result, success } from "../result.ts";
import type { Performer, StepProblem, Watch } from "./performer.ts";
import type { Step } from "./step.ts";

export async function performAll(
  steps: readonly Step[],
  { performer, watch }: { readonly performer: Pick<Performer, "perform">; readonly watch: Watch },
): Promise<Result<void, StepProblem>> {
  for (const step of steps) {
    const done = await performer.perform(step, watch);
    if (!done.ok) return done;
  }
  return success(undefined);
}
