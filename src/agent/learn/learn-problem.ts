/** Learn problem: what a run that learns refuses; one kind for all of it, so that other rooms need to know no more. */
import { refusal } from "../../result.ts";

export interface LearnRefused {
  readonly kind: "learn";
  readonly because: LearnProblem;
}

export type LearnProblem =
  | { readonly kind: "nothing-to-learn"; readonly name: string }
  | { readonly kind: "no-folder-request"; readonly name: string; readonly request: string }
  /** Its recipe asks for something else than was answered: no answer is in force. */
  | { readonly kind: "waits-for-answer"; readonly name: string; readonly request: string }
  | { readonly kind: "cannot-watch"; readonly folder: string; readonly because: string; readonly fix: string }
  | { readonly kind: "nothing-learned"; readonly name: string };

export function learnRefused(because: LearnProblem) {
  return refusal<LearnRefused>({ kind: "learn", because });
}
