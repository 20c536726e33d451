/** Grant: request ∩ grant, and the reasons. */
export * from "./answers.ts";
export * from "./graph/index.ts";
export * from "./join.ts";
export * from "./pending.ts";
export * from "./prove/index.ts";
export * from "./start-up-files.ts";
export * from "./tighten.ts";
