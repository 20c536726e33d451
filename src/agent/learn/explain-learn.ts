/** Explain learn: what a run that learns refuses, as a text for a person and a code for programs. */
import { Code } from "@connectrpc/connect";
import { escapeText } from "../../model/index.ts";
import { unreachable } from "../../result.ts";
import type { LearnProblem } from "./learn-problem.ts";

export function explainLearn(problem: LearnProblem): { readonly code: Code; readonly text: string } {
  const refused = (...lines: readonly string[]) => ({ code: Code.FailedPrecondition, text: lines.join("\n  ") });
  switch (problem.kind) {
    case "nothing-to-learn":
      return refused(
        `${problem.name} has nothing to learn: it asks for no network`,
        "for folders name a request and a folder to watch: --folder REQUEST=FOLDER",
      );
    case "no-folder-request":
      return refused(
        `${problem.name}: "${escapeText(problem.request)}" asks for no folder`,
        "skerry describe shows what it asks for",
      );
    case "waits-for-answer":
      return refused(
        `${problem.name}: its recipe asks for something else at "${escapeText(problem.request)}" than was answered`,
        `answer that first (skerry pending ${problem.name})`,
      );
    case "cannot-watch":
      return refused(
        `what is opened below ${escapeText(problem.folder)} cannot be watched: ${escapeText(problem.because, 500)}`,
        problem.fix,
      );
    case "nothing-learned":
      return refused(
        `of ${problem.name} nothing is known that was learned: no run of it that learns has been seen to its end by this agent`,
        `where its agent has ended meanwhile, that run was ended, too; begin again: skerry learn ${problem.name}`,
      );
    default:
      return unreachable(problem);
  }
}
