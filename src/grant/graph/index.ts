/** Graph: who is granted what, over all deployments. */
export * from "./graph.ts";
export { describePart, type NetworkPart } from "./network.ts";
