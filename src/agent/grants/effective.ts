/**
 * Effective: what a deployment lets through as it stands, with nothing started. What its recipe asks for beyond what was
 * answered is no part of it, and a variable of a session stays there.
 */
import { coveredBy, type Effective, type JoinProblem, joinGrants } from "../../grant/index.ts";
import type { Deployment, Recipe, Request } from "../../model/index.ts";
import type { Result } from "../../result.ts";
import type { StepProblem } from "../../step/index.ts";
import type { AgentContext } from "../context.ts";
import { joinContext } from "../launch/launch.ts";
import { seenFor } from "./pending.ts";
import { grantedVariables } from "./session-variables.ts";

/** @param required - `as-optional`: what is required may be denied, and the rest is still told */
export async function effectiveFor(
  recipe: Recipe,
  deployment: Deployment,
  context: AgentContext,
  required: "as-it-is" | "as-optional",
): Promise<Result<readonly Effective[], JoinProblem | StepProblem>> {
  const seen = await seenFor(recipe, deployment, context, false);
  if (!seen.ok) return seen;
  const covered = coveredBy(seen.value, recipe, deployment);
  const need = (requests: Requests) => (required === "as-optional" ? optional(requests) : requests);
  return joinGrants(
    { requests: need(covered.recipe.requests) },
    { ...covered.deployment, requests: need(covered.deployment.requests) },
    {
      ...(await joinContext(deployment, context)),
      session: await grantedVariables(covered.recipe, covered.deployment, { dry: true }, context),
    },
  );
}

type Requests = Readonly<Record<string, Request>>;

function optional(requests: Requests): Requests {
  return Object.fromEntries(Object.entries(requests).map(([name, one]) => [name, { ...one, need: "optional" }]));
}
