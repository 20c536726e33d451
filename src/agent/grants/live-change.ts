/**
 * Live change: a running instance gets what its deployment says now, as far as that can be done while it runs. The rest is
 * said, with the reason, and waits for the next start.
 *
 * Invariants
 * - One change of an instance after another: each begins from what the one before has left.
 * - It asks the files, and nobody's memory: to ask twice does nothing the second time.
 */
import type { Effective } from "../../grant/index.ts";
import type { CompartmentSpec, Deployment, Recipe } from "../../model/index.ts";
import { unreachable } from "../../result.ts";
import type { Compartments } from "../compartments.ts";
import type { Start } from "../start-record.ts";
import type { AgentContext } from "../context.ts";
import { explain } from "../explain.ts";
import { changeLinks } from "../network/live-links.ts";
import { changeNetwork } from "../network/live-network.ts";
import type { Entrances } from "../network/entrances.ts";
import { changePublished } from "../network/live-publish.ts";
import type { Networks } from "../network/networks.ts";
import { findDeployment, findRecipe } from "../catalogue.ts";
import { ChosenFiles } from "./chosen-files.ts";
import { effectiveFor } from "./effective.ts";
import { finishFolders } from "./finish-folders.ts";
import { changeFolders, type FolderChange } from "./live-folders.ts";
import { readUnfinished } from "./unfinished.ts";
import { Turns } from "../turns.ts";

/** Of what passes between apps and others. */
interface AgentEnds {
  readonly networks: Networks;
  readonly entrances: Entrances;
}

export class LiveChanges {
  readonly #context: AgentContext;
  readonly #compartments: Compartments;
  readonly #ends: AgentEnds;
  readonly #startAgain: (name: string) => Promise<boolean>;
  readonly #chosen: ChosenFiles;
  readonly #turns = new Turns(1);

  /** @param startAgain - in the background, as it was started before; false where that is refused */
  constructor(
    context: AgentContext,
    compartments: Compartments,
    ends: AgentEnds,
    startAgain: (name: string) => Promise<boolean>,
  ) {
    this.#ends = ends;
    this.#startAgain = startAgain;
    this.#context = context;
    this.#compartments = compartments;
    this.#chosen = new ChosenFiles(context, compartments, (act) => void this.#turns.take(act).catch(() => {}));
  }

  /** A start whose app runs, also one that an earlier agent has begun. */
  stands(start: Start): void {
    const seeTo = async () => {
      await this.#finish(start);
      await this.#chosen.keep(start);
    };
    void this.#turns.take(seeTo).catch((error: unknown) => {
      process.stderr.write(`what ${start.record.spec.id} is shown cannot be seen to: ${String(error)}\n`);
    });
  }

  /** All that was asked for until now is done. */
  async settled(): Promise<void> {
    await this.#turns.take(async () => {});
  }

  ended(id: string): void {
    this.#chosen.drop(id);
  }

  close(): void {
    this.#chosen.close();
  }

  /** An agent that was killed in the middle of a change has left it to this one. */
  async #finish(start: Start): Promise<void> {
    const { spec } = start.record;
    if ((await readUnfinished(spec, this.#context)) === undefined) return;
    const found = await findDeployment(spec.name, this.#context);
    const onRevoke = (found.ok ? found.value.thing.service.onRevoke : undefined) ?? "end";
    const around = { start, compartments: this.#compartments, context: this.#context, onRevoke };
    const outcome = await finishFolders(around);
    if (outcome === "ended" && onRevoke === "restart") await this.#again(start);
    const recipe = found.ok ? await findRecipe(found.value.thing.recipe, this.#context) : undefined;
    if (outcome === "goes-on" && found.ok && recipe?.ok === true)
      await this.#changeNow(found.value.thing, recipe.value.thing);
  }

  /** It was ended as a whole; who was started in the background comes up again with what is granted now. */
  async #again({ record: { spec, background } }: Start): Promise<string> {
    const started = background && (await this.#startAgain(spec.name));
    return started ? `${spec.name} was started again` : `${spec.name} was ended; start it again`;
  }

  /** @returns a line for each request that has changed; none where the instance does not run */
  async change(deployment: Deployment, recipe: Recipe): Promise<readonly string[]> {
    return await this.#turns.take(async () => await this.#changeNow(deployment, recipe));
  }

  async #changeNow(deployment: Deployment, recipe: Recipe): Promise<readonly string[]> {
    const { name } = deployment;
    await this.#compartments.look();
    if (this.#compartments.running(name) === undefined) return [];
    const standing = await this.#compartments.standing(name);
    if (!standing.ok) return [];
    // What is required can be revoked as well: the next start is refused then, and this one goes on without it.
    const effective = await effectiveFor(recipe, deployment, this.#context, "as-optional");
    if (!effective.ok) return [`${name} goes on with what it had: ${explain(effective.problem).text}`];
    const { start } = standing.value;
    const own = start.record.ownAnswers ?? [];
    const open = effective.value.filter(({ request }) => !own.includes(request));
    const onRevoke = deployment.service.onRevoke ?? "end";
    const around = { start, compartments: this.#compartments, context: this.#context, onRevoke };
    const rules = await changeNetwork(start, open, this.#ends.networks, this.#context);
    const runs = (other: string) => this.#compartments.running(other) !== undefined;
    const links = await changeLinks(start, deployment, runs, this.#ends.networks, this.#context);
    const published = await changePublished(start, deployment, this.#ends.entrances);
    const changes = await changeFolders(open, around);
    const lines = [
      ...changes.map((change) => liveWords(name, change)),
      ...rules,
      ...published,
      ...waiting(open, start.record.spec),
      ...links,
      ...own.map((request) => `${request}: ${name} keeps what was said for this start alone, until its end`),
    ];
    if (!changes.some(({ ended }) => ended === "instance")) {
      await this.#chosen.keep(start);
      return lines;
    }
    return [...lines, await this.#again(start)];
  }
}

/** What is neither folder nor network is given at a start, and stays until the next. */
function waiting(effective: readonly Effective[], { name, contributions }: CompartmentSpec): readonly string[] {
  const granted = effective.flatMap((one) => one.contributions);
  const shown = contributions.find(({ kind }) => kind === "display");
  const taken = shown !== undefined && !granted.some(({ kind }) => kind === "display");
  const given = new Set(contributions.map((one) => JSON.stringify(one)));
  const others = effective.filter(({ service }) => service !== "folder" && service !== "network");
  const more = others.filter((one) => one.contributions.some((each) => !given.has(JSON.stringify(each))));
  const kept = taken && "request" in shown ? [shown.request] : [];
  return [...kept, ...more.map(({ request }) => request)].map(
    (request) => `${request}: takes effect at the next start of ${name} (skerry restart ${name})`,
  );
}

/** One change for its owner. */
function liveWords(name: string, { request, gets, outcome, because = "", held, ended }: FolderChange): string {
  const holders = held === 1 ? "one process that still used it" : `${held} processes that still used it`;
  const also = ended === "processes" ? `; ${holders} ${held === 1 ? "was" : "were"} ended` : "";
  switch (outcome) {
    case "in-force":
      return `${request}: ${name} now gets ${gets}${also}`;
    case "taken-away":
      return `${request}: ${name} now gets nothing${also}; at its next start (skerry restart ${name}) ${gets}, since ${because}`;
    case "at-next-start":
      return `${request}: takes effect at the next start of ${name} (skerry restart ${name}), since ${because}`;
    default:
      return unreachable(outcome);
  }
}
