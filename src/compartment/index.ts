/** Compartment: deployment → spec → plan, and what became of a start. */
export * from "./spec.ts";
export * from "./status.ts";
