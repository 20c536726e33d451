/** Propose: what a run that learns would open, before it begins; and what it has shown, brought into the deployment's file. */
import { parseDeployment, setAnswer } from "../../descriptor/index.ts";
import { type Result, success } from "../../result.ts";
import type { Agent } from "../agent.ts";
import { findDeployment, findRecipe } from "../catalogue.ts";
import type { AgentContext } from "../context.ts";
import type { AgentProblem } from "../explain.ts";
import { effectiveFor } from "../grants/effective.ts";
import { learnRefused } from "./learn-problem.ts";
import type { LearnedAnswer } from "./learning.ts";
import { type LearnWish, openedWords, openWide, togetherWords } from "./open-wide.ts";

/** @returns lines for the owner: what would be opened. What a start would refuse is refused here, too */
export async function previewLearn(
  name: string,
  wish: LearnWish,
  context: AgentContext,
): Promise<Result<readonly string[], AgentProblem>> {
  const found = await findDeployment(name, context);
  if (!found.ok) return found;
  const recipe = await findRecipe(found.value.thing.recipe, context);
  if (!recipe.ok) return recipe;
  const wide = openWide(recipe.value.thing, found.value.thing, wish);
  if (!wide.ok) return wide;
  const { deployment, opened } = wide.value;
  const effective = await effectiveFor(recipe.value.thing, deployment, context, "as-it-is");
  if (!effective.ok) return effective;
  const requests = { ...recipe.value.thing.requests, ...deployment.requests };
  const waits = opened.find((one) =>
    effective.value.every(({ request, answer }) => request !== one || answer === "deny"),
  );
  if (waits !== undefined) return learnRefused({ kind: "waits-for-answer", name, request: waits });
  const grants = opened.flatMap((request) => deployment.answers[request] ?? []);
  const lines = opened.map((request, index) => {
    const grant = grants[index];
    return grant === undefined ? request : openedWords(request, grant, requests[request]?.verbs ?? []);
  });
  return success([...lines, ...effective.value.flatMap(({ warnings }) => warnings), ...togetherWords(grants)]);
}

/** Where too little is known of a request, its answer stays. */
export async function writeLearned(
  name: string,
  answers: readonly LearnedAnswer[],
  agent: Agent,
): Promise<Result<readonly string[], AgentProblem>> {
  const { context } = agent;
  return await agent.answers.inTurn(async (): Promise<Result<readonly string[], AgentProblem>> => {
    const found = await findDeployment(name, context);
    if (!found.ok) return found;
    const { file, text: before } = found.value;
    let text = before;
    for (const { request, grant } of answers) {
      if (grant === undefined) continue;
      const edited = setAnswer(text, file, request, grant, { home: context.home });
      if (!edited.ok) return edited;
      text = edited.value;
    }
    if (text === before) return success([]);
    const parsed = parseDeployment(text, { file, name }, { home: context.home });
    if (!parsed.ok) return parsed;
    const saved = await agent.deployments.save(name, text);
    if (!saved.ok) return saved;
    const lines = answers.flatMap(({ line, same }) => (line === "" || same ? [] : [line]));
    await context.audit.append({ kind: "grant", instance: name, answers: lines });
    return success(saved.value.live);
  });
}
