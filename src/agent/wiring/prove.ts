/** Prove: claims against all deployments as they are, with the lines of what shows that one does not hold. */
import { type ClaimComplaint, evaluateClaim, parseClaim, type Right, type Verdict } from "../../grant/index.ts";
import { realOrSelf } from "../../host/index.ts";
import { type Result, success } from "../../result.ts";
import type { AgentContext } from "../context.ts";
import { Lines } from "./lines.ts";
import { allReadable, readWiring, type UnreadableWiring, type WiredDeployment } from "./wiring.ts";

/** More than an owner has to say; each is weighed by itself. */
const MAX_CLAIMS = 200;

export interface TooManyClaims {
  readonly kind: "too-many-claims";
  readonly most: number;
}

export interface Proved {
  readonly claim: string;
  readonly weighed: Result<Verdict, ClaimComplaint>;
}

export interface Proof {
  readonly proved: readonly Proved[];
  readonly linesOf: (right: Right) => ReturnType<Lines["for"]>;
}

export async function prove(
  claims: readonly string[],
  context: AgentContext,
): Promise<Result<Proof, UnreadableWiring | TooManyClaims>> {
  if (claims.length > MAX_CLAIMS) return { ok: false, problem: { kind: "too-many-claims", most: MAX_CLAIMS } };
  const wiring = allReadable(await readWiring(context));
  if (!wiring.ok) return wiring;
  const apps = wiring.value.map(({ app }) => app);
  const proved = claims.map((claim): Proved => {
    const parsed = parseClaim(claim, { home: context.home });
    return { claim, weighed: parsed.ok ? evaluateClaim(parsed.value, apps, { real: realOrSelf }) : parsed };
  });
  return success({ proved, linesOf: linesFor(wiring.value) });
}

export function linesFor(deployments: readonly WiredDeployment[]): Proof["linesOf"] {
  const lines = new Lines();
  const byName = new Map(deployments.map((wired) => [wired.app.name, wired]));
  return ({ app, because }) => {
    const wired = byName.get(app);
    return wired === undefined ? [] : lines.for(because, wired);
  };
}
