/** Step: what may be done to a host, as data, and who does it. */
export type * from "./archive.ts";
export * from "./performer.ts";
export * from "./perform-all.ts";
export * from "./step.ts";
export type * from "./tree.ts";
