/** Graph: who is granted what, over all deployments. */
export * from "./graph.ts";
export { describePart, type NetworkAsked, type NetworkPart, parseAsked } from "./network.ts";
