/**
 * Learn: from what one run has used to the smallest answers that would have done. Pure. It proposes; it changes nothing.
 */
import type { Grant, Request } from "../model/index.ts";

/** A request that was opened for the run. */
export interface LearnedOf extends Pick<Request, "need" | "verbs"> {
  readonly name: string;
  /** The deployment's own answer, which was not in force. */
  readonly grant: Grant | undefined;
}

export interface Learned {
  readonly request: string;
  /** Undefined where too little is known. */
  readonly grant: Grant | undefined;
  /** What the owner should know of it. */
  readonly notes: readonly string[];
}

/** The smallest answer to what was not used, with which the app still starts. */
export function nothingUsed({ name, need }: LearnedOf): Learned {
  const answer = need === "required" ? "empty" : "deny";
  return { request: name, grant: { ...NO_OPTIONS, answer }, notes: ["it was not used"] };
}

export function unknown({ name }: LearnedOf, because: string): Learned {
  return { request: name, grant: undefined, notes: [because] };
}

export const NO_OPTIONS: Grant = {
  answer: "deny",
  folder: undefined,
  files: undefined,
  allow: undefined,
  rules: undefined,
};
