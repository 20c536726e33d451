/**
 * Live change: a running instance gets what its deployment says now, as far as that can be done while it runs. The rest is
 * said, with the reason, and waits for the next start.
 *
 * Invariants
 * - One change of an instance after another: each begins from what the one before has left.
 * - It asks the files, and nobody's memory: to ask twice does nothing the second time.
 */
import type { Deployment, Recipe } from "../../model/index.ts";
import type { Compartments } from "../compartments.ts";
import type { AgentContext } from "../context.ts";
import { explain } from "../explain.ts";
import { effectiveFor } from "./effective.ts";
import { changeFolders, type FolderChange } from "./live-folders.ts";

export class LiveChanges {
  readonly #context: AgentContext;
  readonly #compartments: Compartments;
  #last: Promise<unknown> = Promise.resolve();

  constructor(context: AgentContext, compartments: Compartments) {
    this.#context = context;
    this.#compartments = compartments;
  }

  /** @returns a line for each request that has changed; none where the instance does not run */
  async change(deployment: Deployment, recipe: Recipe): Promise<readonly string[]> {
    const { name } = deployment;
    const act = async (): Promise<readonly string[]> => {
      await this.#compartments.look();
      if (this.#compartments.running(name) === undefined) return [];
      const standing = await this.#compartments.standing(name);
      if (!standing.ok) return [];
      // What is required can be revoked as well: the next start is refused then, and this one goes on without it.
      const effective = await effectiveFor(recipe, deployment, this.#context, "as-optional");
      if (!effective.ok) return [`${name} goes on with what it had: ${explain(effective.problem).text}`];
      const { start } = standing.value;
      const changes = await changeFolders(start, effective.value, this.#compartments, this.#context);
      return changes.map((change) => liveWords(name, change));
    };
    const done = this.#last.then(act, act);
    this.#last = done.catch(() => {});
    return await done;
  }
}

/** One change for its owner. */
function liveWords(name: string, { request, gets, outcome, because, ended }: FolderChange): string {
  if (outcome === "at-next-start")
    return `${request}: takes effect at the next start of ${name}, since ${because ?? "it cannot be changed while it runs"}`;
  const processes = ended === 1 ? "one process that still used it was" : `${ended} processes that still used it were`;
  const also = ended === 0 ? "" : `; ${processes} ended`;
  return `${request}: ${name} now gets ${gets}${also}${because === undefined ? "" : `; ${because}`}`;
}
