/** Write an answer for ever into the deployment of the instance that has asked. */
import { setAnswer } from "../../descriptor/index.ts";
import type { Result } from "../../result.ts";
import { findDeployment } from "../catalogue.ts";
import type { AgentContext } from "../context.ts";
import { type AgentProblem, explain } from "../explain.ts";
import { withAnswer } from "./answer-rule.ts";
import type { Question } from "./asks.ts";

/**
 * @param save - keeps a deployment's new text
 * @returns why it cannot be written, in words; undefined where it is
 */
export async function writeAnswer(
  { instance, request, target }: Question,
  allow: boolean,
  context: AgentContext,
  save: (name: string, text: string) => Promise<Result<unknown, AgentProblem>>,
): Promise<string | undefined> {
  const found = await findDeployment(instance, context);
  if (!found.ok) return "it has none: it was started with flags";
  const { text, file, thing } = found.value;
  const grant = thing.answers[request];
  const answered = grant === undefined ? undefined : withAnswer(grant, target, allow);
  if (answered === undefined) return `its answer to ${request} is no longer one that asks`;
  const edited = setAnswer(text, file, request, answered, { home: context.home });
  const saved = edited.ok ? await save(instance, edited.value) : edited;
  return saved.ok ? undefined : explain(saved.problem).text;
}
