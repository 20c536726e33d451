/** Grant: request ∩ grant, and the reasons. */
export * from "./answers.ts";
export * from "./graph/index.ts";
export * from "./join.ts";
export type { DisplayProblem, OwnScreen } from "./join-display.ts";
export type { Learned, LearnedOf } from "./learn.ts";
export { type FolderEvent, type FolderSeen, learnFolder, NOTHING_SEEN, withEvent } from "./learn-folder.ts";
export { learnNetwork, type NetworkSeen, type TargetSeen } from "./learn-network.ts";
export * from "./pending.ts";
export { pickGets } from "./pick.ts";
export * from "./prove/index.ts";
export * from "./start-up-files.ts";
export * from "./tighten.ts";
