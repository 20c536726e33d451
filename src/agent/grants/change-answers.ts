/**
 * Change answers: what an owner says to requests on the command line, brought into the deployment's file.
 *
 * Invariants
 * - All changes or none: the new text is judged as a whole before it is kept.
 * - The file keeps its comments and its order, and all that was not named.
 */
import { addRules, parseAnswerText, parseDeployment, setAnswer } from "../../descriptor/index.ts";
import type { Effective } from "../../grant/index.ts";
import { type Deployment, nearest, type Request } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import { findDeployment, findRecipe } from "../catalogue.ts";
import type { AgentContext } from "../context.ts";
import type { AgentProblem } from "../explain.ts";
import { effectiveFor } from "./effective.ts";
import { Turns } from "../turns.ts";

export interface AnswerChange {
  readonly request: string;
  /** As on the command line: `subset:example.org:443`. */
  readonly answer: string;
  /** The answer is `RULE,RULE`, and these rules come to those that are there. */
  readonly add: boolean;
}

export interface Changed {
  readonly file: string;
  /** Those that differ from before, with what the app gets now. */
  readonly changed: readonly Effective[];
  /** A line for each thing that has changed in the running instance, or will at its next start. */
  readonly live: readonly string[];
}

/** A deployment before it is changed, with all that is asked for by its recipe and its owner. */
export interface Editable {
  readonly text: string;
  readonly file: string;
  readonly deployment: Deployment;
  readonly requests: Readonly<Record<string, Request>>;
}

type Promising<Value> = Result<Value, AgentProblem> | Promise<Result<Value, AgentProblem>>;

export interface BadAnswer {
  readonly kind: "bad-answer";
  readonly name: string;
  readonly request: string;
  readonly service: Request["service"];
  /** One line, escaped. */
  readonly because: string;
}

type Save = (name: string, text: string) => Promise<Result<Pick<Changed, "file" | "live">, AgentProblem>>;

/** One at a time: each change begins from the text that the one before has left. */
export class AnswerChanges {
  readonly #context: AgentContext;
  readonly #save: Save;
  readonly #turns = new Turns(1);

  /** @param save - keeps a deployment's new text */
  constructor(context: AgentContext, save: Save) {
    this.#context = context;
    this.#save = save;
  }

  async change(name: string, changes: readonly AnswerChange[]): Promise<Result<Changed, AgentProblem>> {
    const { home } = this.#context;
    return await this.edit(name, ({ text, file, deployment, requests }) =>
      changedText(text, file, deployment, requests, changes, home),
    );
  }

  /** @param textOf - the file's new text; it is judged as a whole before it is kept */
  async edit(name: string, textOf: (from: Editable) => Promising<string>): Promise<Result<Changed, AgentProblem>> {
    return await this.inTurn(async () => await this.#edit(name, textOf));
  }

  async inTurn<Value>(act: () => Promise<Value>): Promise<Value> {
    return await this.#turns.take(act);
  }

  async #edit(name: string, textOf: (from: Editable) => Promising<string>): Promise<Result<Changed, AgentProblem>> {
    const context = this.#context;
    const found = await findDeployment(name, context);
    if (!found.ok) return found;
    const { file, text: before, thing: deployment } = found.value;
    const recipe = await findRecipe(deployment.recipe, context);
    if (!recipe.ok) return recipe;
    const requests = { ...recipe.value.thing.requests, ...deployment.requests };
    const text = await textOf({ text: before, file, deployment, requests });
    if (!text.ok) return text;
    const parsed = parseDeployment(text.value, { file, name }, { home: context.home });
    if (!parsed.ok) return parsed;
    // That something required is denied is the owner's right: the next start says so.
    const effective = await effectiveFor(recipe.value.thing, parsed.value, context, "as-optional");
    if (!effective.ok) return effective;
    if (text.value === before) return success({ file, changed: [], live: [] });
    const saved = await this.#save(name, text.value);
    if (!saved.ok) return saved;
    const changed = effective.value.filter(({ request }) => differs(request, deployment, parsed.value));
    const answers = changed.map(({ request, answer, gets }) => `${request}: ${answer}, ${gets}`);
    if (answers.length > 0) await context.audit.append({ kind: "grant", instance: name, answers });
    return success({ ...saved.value, changed });
  }
}

function differs(request: string, before: Deployment, after: Deployment): boolean {
  return JSON.stringify(before.answers[request]) !== JSON.stringify(after.answers[request]);
}

function changedText(
  before: string,
  file: string,
  { name, answers }: Deployment,
  requests: Editable["requests"],
  changes: readonly AnswerChange[],
  home: string,
): Result<string, AgentProblem> {
  let text = before;
  const now = new Map(Object.entries(answers));
  for (const { request, answer, add } of changes) {
    const asked = Object.hasOwn(requests, request) ? requests[request] : undefined;
    if (asked === undefined) {
      const meant = nearest(request, Object.keys(requests));
      return refusal({ kind: "not-requested", deployment: name, request, meant });
    }
    const grant = add
      ? addRules(now.get(request), answer, asked.service)
      : parseAnswerText(answer, asked.service, home);
    if (!grant.ok)
      return refusal({ kind: "bad-answer", name, request, service: asked.service, because: grant.problem.message });
    const edited = setAnswer(text, file, request, grant.value, { home });
    if (!edited.ok) return edited;
    text = edited.value;
    now.set(request, grant.value);
  }
  return success(text);
}
