/** Prove: claims about all deployments together. */
export type { ClaimComplaint } from "./claim.ts";
export { evaluateClaim, type StatementFinding, type Verdict } from "./evaluate.ts";
export { parseClaim } from "./parse.ts";
