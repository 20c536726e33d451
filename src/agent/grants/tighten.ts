/** Tighten: what was used, out of the audit, and so what a deployment could do without. Changes nothing. */
import { readAudit } from "../../audit/index.ts";
import { keyLines } from "../../descriptor/index.ts";
import { pendingOf, type Unneeded, unneededIn, type Watched } from "../../grant/index.ts";
import { type Result, success } from "../../result.ts";
import type { StepProblem } from "../../step/index.ts";
import { type CatalogueProblem, findDeployment, findRecipe } from "../catalogue.ts";
import type { AgentContext } from "../context.ts";
import { seenFor } from "./pending.ts";

export interface Tightened {
  readonly file: string;
  readonly unneeded: readonly (Unneeded & { readonly line: number })[];
  /** What cannot be told, in sentences. */
  readonly notes: readonly string[];
}

/** @param since - what was not used from then on counts as not used */
export async function tighten(
  name: string,
  since: Date,
  context: AgentContext,
): Promise<Result<Tightened, CatalogueProblem | StepProblem>> {
  const found = await findDeployment(name, context);
  if (!found.ok) return found;
  const { thing: deployment, file, text } = found.value;
  const recipe = await findRecipe(deployment.recipe, context);
  if (!recipe.ok) return recipe;
  const seen = await seenFor(recipe.value.thing, deployment, context, false);
  if (!seen.ok) return seen;
  // Dismissed or not: that nobody asks for it any more stays so.
  const waiting = pendingOf({ ...seen.value, dismissed: {} }, recipe.value.thing, deployment);
  const vanished = new Set(waiting.filter(({ change }) => change === "vanished").map(({ request }) => request));
  const folder = `${context.places.state}/audit`;
  const watched = watchedSince(folder, name, since);
  const lines = keyLines(text, file);
  const unneeded = unneededIn(deployment, vanished, watched).map((each) => ({ ...each, line: lineOf(each, lines) }));
  return success({ file, unneeded, notes: notesFor(name, since, folder, watched) });
}

function lineOf({ request, rule }: Unneeded, lines: ReturnType<typeof keyLines>): number {
  const answer = lines(["answers", request]) ?? 0;
  return rule === undefined ? answer : (lines(["answers", request, "allow", rule.index]) ?? answer);
}

function watchedSince(folder: string, instance: string, since: Date): Watched {
  const used = new Set<string>();
  const changed = new Set<string>();
  let [ran, uncertain] = [false, false];
  for (const { kind, facts } of readAudit(folder, { instance, since })) {
    if (kind === "start" || kind === "end" || kind === "adopted" || kind === "net-allowed") ran = true;
    if (kind === "net-allowed") used.add(String(facts["because"]));
    if (kind === "net-refused" && facts["to"] === "others") uncertain = true;
    if (kind !== "grants-changed") continue;
    const list = facts["changes"];
    for (const change of Array.isArray(list) ? list : []) changed.add(String(change).split(": ", 1)[0] ?? "");
  }
  return { ran, uncertain, used, changed };
}

function notesFor(name: string, since: Date, folder: string, { ran, uncertain, changed }: Watched): readonly string[] {
  const first = readAudit(folder).next();
  const from = first.done === true ? undefined : new Date(first.value.time);
  const moment = since.toISOString();
  return [
    ...(ran ? [] : [`${name} has not run since ${moment}: nothing can be told of what it uses`]),
    ...(uncertain ? ["it reached for more than was recorded one by one: no rule is called unused"] : []),
    ...(from === undefined || from > since ? [`the audit begins later, at ${from?.toISOString() ?? "no record"}`] : []),
    ...(changed.size === 0 ? [] : [`changed meanwhile, and so not judged: ${[...changed].toSorted().join(", ")}`]),
  ];
}
