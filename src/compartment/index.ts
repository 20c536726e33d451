/** Compartment: deployment → spec → plan, and what became of a start. */
export * from "./link-order.ts";
export * from "./restart.ts";
export * from "./launcher.ts";
export * from "./spec.ts";
export * from "./status.ts";
