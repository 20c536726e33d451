/** Explain ask: why an answer to a question was not taken, as a text for a person and a code for programs. */
import { Code } from "@connectrpc/connect";
import { escapeText } from "../../model/index.ts";
import { unreachable } from "../../result.ts";
import type { AnswerProblem } from "./asks.ts";

export type AskProblem = AnswerProblem | { readonly kind: "bad-lifetime"; readonly lifetime: string };

export function explainAsk(problem: AskProblem): { readonly code: Code; readonly text: string } {
  const refused = (...lines: readonly string[]) => ({ code: Code.FailedPrecondition, text: lines.join("\n  ") });
  switch (problem.kind) {
    case "no-such-question":
      return {
        code: Code.NotFound,
        text: `no question ${escapeText(problem.id, 80)} waits for an answer\n  skerry asks lists those that do; without an answer in time it is no`,
      };
    case "not-written-down":
      return refused(
        `the answer for ${problem.instance} cannot be written down: ${problem.because}`,
        "it still waits; it can be answered for a shorter time: --for TIME, --session, or once without them",
      );
    case "answer-not-on-record":
      return refused(
        `the answer for ${problem.instance} cannot be put on record, and so does not count: ${problem.because}`,
        "it still waits; make room, and answer again. Without an answer in time it is no",
      );
    case "bad-lifetime":
      return {
        code: Code.InvalidArgument,
        text: `an answer cannot last "${escapeText(problem.lifetime, 80)}"; it is once, session, until or for-ever`,
      };
    default:
      return unreachable(problem);
  }
}
