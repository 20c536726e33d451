/**
 * Services: starts again what has ended in the background, as its deployment's policy says (compartment/restart.ts).
 *
 * Invariants
 * - What its owner stops is on the disk as stopped before it is stopped, so that no agent ever starts it again.
 * - An end is seen to once: the start that is supervised is named in the state, and taken out of it with the end.
 * - Of an app that its owner sits in front of (`run`), or of which nothing is kept (`--rm`), nothing is supervised.
 */
import { afterEnd, FRESH, isDue, STOPPED, startedAgain } from "../../compartment/index.ts";
import type { RestartPolicy } from "../../model/index.ts";
import type { Result } from "../../result.ts";
import type { Start, StartRecord } from "../start-record.ts";
import type { AgentContext } from "../context.ts";
import {
  readServiceStates,
  removeServiceState,
  type ServiceState,
  sessionMark,
  writeServiceState,
} from "./service-state.ts";
import type { WantedWords } from "../launch/wanted.ts";

const LOOK_EVERY_MS = 50;

export interface ServiceStatus {
  /** `up` runs, `waiting` waits for its next start, `given-up` ended too often, `down` stays down. */
  readonly state: "up" | "waiting" | "given-up" | "down";
  readonly restarts: number;
  /** ISO time, UTC; with `waiting`. */
  readonly due: string | undefined;
  /** In this session nobody has touched it. */
  readonly untouched: boolean;
}

/** Starts an instance again; a refusal counts as one more end. */
type StartAgain = (words: WantedWords, signal: AbortSignal) => Promise<Result<unknown, { readonly kind: string }>>;

interface Starting {
  readonly ending: AbortController;
  readonly done: Promise<void>;
}

export class Services {
  readonly #context: AgentContext;
  readonly #startAgain: StartAgain;
  readonly #states = new Map<string, ServiceState>();
  readonly #starting = new Map<string, Starting>();
  #session = "";
  #timer: NodeJS.Timeout | undefined;

  constructor(context: AgentContext, startAgain: StartAgain) {
    this.#context = context;
    this.#startAgain = startAgain;
  }

  /**
   * Goes on where the agent before this one was.
   *
   * @param starts - by their ids, as far as they are known
   */
  async adopt(starts: readonly Start[]): Promise<void> {
    this.#session = await sessionMark(this.#context);
    for (const state of await readServiceStates(this.#context, this.#session)) {
      this.#states.set(state.name, state);
      if (state.id === undefined) continue;
      const start = starts.find(({ record }) => record.spec.id === state.id);
      if (start?.state === "running" || start?.state === "frozen") continue;
      await this.#afterEnd(state, start === undefined ? Date.now() : Date.parse(start.record.started), start?.exitCode);
    }
    this.#timer = setInterval(() => void this.#look(), LOOK_EVERY_MS);
  }

  close(): void {
    clearInterval(this.#timer);
    for (const { ending } of this.#starting.values()) ending.abort();
  }

  /** Something waits for its next start: the agent must not end. */
  get busy(): boolean {
    return [...this.#states.values()].some(({ supervision }) => supervision.dueMs !== undefined);
  }

  /** Before a background start is made: from now on its end is seen to. */
  async begins(
    { spec, passing, background }: StartRecord,
    { words, policy, again }: { readonly words: WantedWords; readonly policy: RestartPolicy; readonly again: boolean },
  ): Promise<void> {
    if (!background || passing) return;
    const { name, id } = spec;
    const known = this.#states.get(name);
    const supervision = again && known !== undefined ? startedAgain(known.supervision) : FRESH;
    await this.#keep({ name, session: this.#session, words, policy, id, supervision });
  }

  /** A start that was begun could not be made. One that was made again is seen to by who did it. */
  async failed({ spec }: StartRecord, again: boolean): Promise<void> {
    const state = this.#states.get(spec.name);
    if (state?.id === spec.id && !again) await this.#keep({ ...state, id: undefined, supervision: STOPPED });
  }

  /** It is wanted, and could not be started: its policy says whether it is tried again. */
  async tryLater(name: string, words: WantedWords, policy: RestartPolicy): Promise<void> {
    const state = { name, session: this.#session, words, policy, id: undefined, supervision: FRESH };
    await this.#afterEnd(state, Date.now(), undefined);
  }

  async ended({ record, exitCode }: Start): Promise<void> {
    const state = this.#states.get(record.spec.name);
    if (state?.id !== record.spec.id) return;
    await this.#afterEnd(state, Date.parse(record.started), exitCode);
  }

  /**
   * Its owner stops it: it stays so.
   *
   * @returns true where it waited for its next start, or had been given up, and nothing has to be ended
   */
  async stopping(name: string): Promise<boolean> {
    const state = this.#states.get(name);
    if (state === undefined) return false;
    const { dueMs, gaveUp } = state.supervision;
    await this.#keep({ ...state, supervision: STOPPED, byOwner: true });
    const starting = this.#starting.get(name);
    starting?.ending.abort();
    await starting?.done;
    return state.id === undefined && (gaveUp || (dueMs !== undefined && this.#states.get(name)?.id === undefined));
  }

  /** The instance is no more. */
  async forget(name: string): Promise<void> {
    this.#states.delete(name);
    await removeServiceState(name, this.#context);
  }

  /** Its owner has stopped it: nobody's wish but the owner's brings it up again. */
  isShut(name: string): boolean {
    return this.#states.get(name)?.byOwner === true;
  }

  /** How it was started last. */
  wordsOf(name: string): WantedWords | undefined {
    return this.#states.get(name)?.words;
  }

  statusOf(name: string): ServiceStatus | undefined {
    const known = this.#states.get(name);
    if (known === undefined) return undefined;
    const { supervision, id, session } = known;
    const { dueMs, inARow, gaveUp, wanted } = supervision;
    const due = dueMs === undefined ? undefined : new Date(dueMs).toISOString();
    const state = gaveUp
      ? "given-up"
      : due !== undefined
        ? "waiting"
        : wanted === "up" && id !== undefined
          ? "up"
          : "down";
    return { state, restarts: inARow, due, untouched: session !== this.#session };
  }

  async #afterEnd(state: ServiceState, startedMs: number, exitCode: number | undefined): Promise<void> {
    const { audit } = this.#context;
    const { name, policy } = state;
    const supervision = afterEnd(policy, state.supervision, { startedMs, endedMs: Date.now(), exitCode });
    if (supervision.gaveUp && !state.supervision.gaveUp && policy.most !== undefined) {
      const { ends, withinMs } = policy.most;
      await audit.append({ kind: "given-up", instance: name, most: ends, withinMs });
    }
    await this.#keep({ ...state, id: undefined, supervision });
  }

  async #look(): Promise<void> {
    const now = Date.now();
    for (const state of this.#states.values()) {
      if (isDue(state.policy, state.supervision, now) && !this.#starting.has(state.name)) this.#begin(state);
    }
  }

  #begin(state: ServiceState): void {
    const ending = new AbortController();
    const done = this.#again(state, ending.signal).finally(() => this.#starting.delete(state.name));
    this.#starting.set(state.name, { ending, done });
  }

  async #again(state: ServiceState, signal: AbortSignal): Promise<void> {
    const { name, words, supervision } = state;
    const startedMs = Date.now();
    await this.#context.audit.append({ kind: "restart", instance: name, inARow: supervision.inARow });
    const started = await this.#startAgain(words, signal);
    const now = this.#states.get(name);
    if (started.ok || now === undefined) return;
    // Its owner was faster, and has started or stopped it.
    if (started.problem.kind === "runs-already")
      await this.#keep({ ...now, supervision: startedAgain(now.supervision) });
    else if (signal.aborted) await this.#keep({ ...now, id: undefined, supervision: STOPPED });
    else await this.#afterEnd(now, startedMs, undefined);
  }

  async #keep(state: ServiceState): Promise<void> {
    this.#states.set(state.name, state);
    await writeServiceState(state, this.#context);
  }
}
