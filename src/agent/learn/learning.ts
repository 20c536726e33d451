/**
 * Learning: runs in which more is let through than was granted, so that their owner sees how little would do.
 *
 * Invariants
 * - The deployment's file is not touched by such a run; what is opened ends with it.
 * - Such a run does not outlive the agent that watches it: nobody would see what it uses, and its owner's word was for
 *   being watched. Without an agent its network answers nothing, and the next agent ends it.
 * - What was learned is kept in memory alone, of each instance for its last run.
 */
import { inline, grantData } from "../../descriptor/index.ts";
import { type Learned, type LearnedOf, learnFolder, learnNetwork } from "../../grant/index.ts";
import type { CompartmentSpec, Grant, Request } from "../../model/index.ts";
import { type Result, success } from "../../result.ts";
import type { AuditUnwritable } from "../../audit/index.ts";
import { type CatalogueProblem, findDeployment } from "../catalogue.ts";
import type { StartRecord } from "../start-record.ts";
import { type AgentContext, QUIET, type Work } from "../context.ts";
import type { Chosen } from "../launch/launch.ts";
import type { NetworkState } from "../network/networks.ts";
import { answerWord } from "./answer-word.ts";
import { FolderWatch } from "./folder-watch.ts";
import { learnRefused, type LearnRefused } from "./learn-problem.ts";
import { type LearnWish, openedWords } from "./open-wide.ts";
import { networkSeen, refusedSeen } from "./seen.ts";

interface Run {
  readonly name: string;
  readonly wish: LearnWish;
  readonly requests: readonly (LearnedOf & Pick<Request, "service">)[];
  readonly watches: ReadonlyMap<string, FolderWatch>;
  state: NetworkState | undefined;
  /** Resolves when it has ended, and all that it did is known. */
  readonly ended: Promise<void>;
  readonly end: () => void;
}

export interface LearnedAnswer {
  readonly request: string;
  readonly service: Request["service"];
  /** Undefined where too little is known. */
  readonly grant: Grant | undefined;
  /** Empty where too little is known; `word` also where a command line cannot say it. */
  readonly line: string;
  readonly word: string;
  readonly same: boolean;
  readonly notes: readonly string[];
}

export class Learning {
  readonly #context: AgentContext;
  readonly #runs = new Map<string, Run>();

  constructor(context: AgentContext) {
    this.#context = context;
  }

  /** Takes away what an agent has left that was killed while it watched. */
  async clear(): Promise<void> {
    const path = `${this.#context.places.runtime}/learn`;
    await this.#context.performer.perform({ kind: "remove-tree", path }, QUIET);
  }

  /**
   * Before a start that learns is made. From here on it is watched.
   *
   * @param chosen - with the answers of this start
   * @param wish - undefined for any other start, with which nothing is done
   */
  async begin(
    { spec: { id } }: StartRecord,
    { deployment, recipe }: Pick<Chosen, "deployment" | "recipe">,
    wish: LearnWish | undefined,
    work: Work,
  ): Promise<Result<void, LearnRefused | CatalogueProblem | AuditUnwritable>> {
    if (wish === undefined) return success(undefined);
    const written = await findDeployment(deployment.name, this.#context);
    if (!written.ok) return written;
    const before = written.value.thing.answers;
    const all: Readonly<Record<string, Request>> = { ...recipe.requests, ...deployment.requests };
    const requests = Object.entries(all).flatMap(([name, { service, need, verbs }]) => {
      const watched = wish.folders.some(({ request }) => request === name) || (wish.network && service === "network");
      return watched ? [{ name, service, need, verbs, grant: before[name] }] : [];
    });
    const { places, facts } = this.#context;
    const watches = new Map<string, FolderWatch>();
    for (const [request, folder] of new Map(wish.folders.map((one) => [one.request, one.folder]))) {
      work.report({ kind: "phase", text: `watching ${folder}` });
      const markFolder = `${places.runtime}/learn/${id}-${watches.size}`;
      const watch = await FolderWatch.begin(folder, markFolder, facts, work.signal);
      if (!watch.ok) {
        for (const other of watches.values()) other.close();
        return watch;
      }
      watches.set(request, watch.value);
    }
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    for (const [other, { name, watches: old }] of this.#runs) {
      if (name !== deployment.name) continue;
      for (const watch of old.values()) watch.close();
      this.#runs.delete(other);
    }
    this.#runs.set(id, { name: deployment.name, wish, requests, watches, state: undefined, ended, end });
    const opened = requests.map(({ name, verbs }) => openedWords(name, deployment.answers[name] ?? NOTHING, verbs));
    const entered = await this.#context.audit.enter({ kind: "learn", instance: deployment.name, id, opened });
    return entered.ok ? success(undefined) : entered;
  }

  /** It could not be made. */
  failed(id: string): void {
    const run = this.#runs.get(id);
    for (const watch of run?.watches.values() ?? []) watch.close();
    run?.end();
    this.#runs.delete(id);
  }

  /**
   * What the folders still have to tell is waited for by nobody who looks after other compartments.
   *
   * @param state - what its network has let through, as long as that is known
   */
  ended(spec: CompartmentSpec, state: NetworkState | undefined): void {
    this.#conclude(spec, state).catch((error: unknown) => {
      process.stderr.write(`what ${spec.id} has learned is lost: ${String(error)}\n`);
    });
  }

  async #conclude({ name: instance, id }: CompartmentSpec, state: NetworkState | undefined): Promise<void> {
    const run = this.#runs.get(id);
    try {
      if (run !== undefined) run.state = state;
      for (const watch of run?.watches.values() ?? []) await watch.finish();
      const learned = run === undefined ? [] : answersOf(run, this.#context.home);
      const answers = learned.map(({ request, line }) => line || request);
      await this.#context.audit.append({ kind: "learned", instance, id, whole: run !== undefined, answers });
    } finally {
      run?.end();
    }
  }

  /** Waits for the end of the run. */
  async proposal(
    name: string,
  ): Promise<
    Result<{ readonly answers: readonly LearnedAnswer[]; readonly refused: readonly string[] }, LearnRefused>
  > {
    const run = [...this.#runs.values()].find((one) => one.name === name);
    if (run === undefined) return learnRefused({ kind: "nothing-learned", name });
    await run.ended;
    return success({ answers: answersOf(run, this.#context.home), refused: refusedSeen(run.state) });
  }
}

const NOTHING: Grant = { answer: "deny", folder: undefined, files: undefined, allow: undefined, rules: undefined };

function answersOf(run: Run, home: string): readonly LearnedAnswer[] {
  const networks = learnNetwork(
    run.requests.filter(({ service }) => service === "network"),
    networkSeen(run.state),
  );
  const folders = run.requests.flatMap((request) => {
    const watch = run.watches.get(request.name);
    return watch === undefined ? [] : [learnFolder(request, watch)];
  });
  return [...networks, ...folders].map((learned) => answerOf(learned, run, home));
}

function answerOf({ request, grant, notes }: Learned, { requests }: Run, home: string): LearnedAnswer {
  const { service = "network", grant: before } = requests.find(({ name }) => name === request) ?? {};
  if (grant === undefined) return { request, service, grant, line: "", word: "", same: false, notes };
  const [line, now] = [grant, before ?? NOTHING].map((one) => `${request}: ${inline(grantData(one, home))}`);
  return { request, service, grant, line: line ?? "", word: answerWord(request, grant), same: line === now, notes };
}
