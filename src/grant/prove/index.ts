/** Prove: claims about all deployments together. */
export type { ClaimComplaint, Thing } from "./claim.ts";
export { evaluateClaim, type StatementFinding, type Verdict } from "./evaluate.ts";
export { parseClaim } from "./parse.ts";
export { type Can, whatCan } from "./what-can.ts";
