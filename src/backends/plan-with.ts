import type { CompartmentSpec, Contribution } from "../model/index.ts";
import { type Result, refusal } from "../result.ts";
import type { Backend, BackendContext, BackendProblem, WallPlan } from "./backend.ts";

function isPort({ kind }: Contribution): boolean {
  return kind === "port" || kind === "ports" || kind === "card";
}

/** Plans with a backend, after the two refusals that are the same for all of them. */
export function planWith(
  backend: Backend,
  spec: CompartmentSpec,
  context: BackendContext,
): Result<WallPlan, BackendProblem> {
  const missing = backend.missing(context.facts, spec);
  if (missing.length > 0) return refusal({ kind: "backend-unavailable", backend: backend.name, missing });
  const what = spec.guest === "system" ? "system" : spec.contributions.some(isPort) ? "port" : undefined;
  if (what !== undefined && backend.boots !== true)
    return refusal({ kind: "needs-machine", backend: backend.name, name: spec.name, what });
  const astray = spec.contributions.find(({ kind }) => !backend.enforces.has(kind));
  if (astray !== undefined)
    return refusal({ kind: "cannot-enforce", backend: backend.name, contribution: astray.kind });
  return backend.plan(spec, context);
}
