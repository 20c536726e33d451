/**
 * Asks: what an app wants and only its owner can decide waits here until it is answered, or its time is over.
 *
 * An answer counts for this once, for as long as the compartment runs, for a time, or for ever. Nothing is asked on the
 * app's own terminal, and no app says who it is: who asks with an app's name are the brokers.
 *
 * Invariants
 * - Without an answer the answer is no.
 * - The same question of the same instance waits once, and all who wait for it hear one answer.
 * - The number of questions that wait is bounded for each instance; beyond it the answer is no at once.
 * - Every question and every answer is on record: what cannot be put there is not asked, and does not count.
 */
import { randomBytes } from "node:crypto";
import { type Result, refusal, success } from "../../result.ts";

/** How long an owner has, and how many questions one instance may have waiting. */
export const ASK_LIMITS = { waitMs: 60_000, waiting: 16 } as const;

export interface Question {
  readonly instance: string;
  /** The compartment's id: what it is asked for ends with it. */
  readonly compartment: string;
  /** Name of the request that is granted as `ask`. */
  readonly request: string;
  /** What is wanted, by name: `example.org:443`. The app's own words in part: escaped when shown. */
  readonly target: string;
}

export type Lifetime =
  | { readonly kind: "once" }
  | { readonly kind: "session" }
  | { readonly kind: "until"; readonly time: string }
  | { readonly kind: "for-ever" };

export interface Waiting extends Question {
  readonly id: string;
  /** ISO 8601. */
  readonly since: string;
  /** When the answer becomes no. */
  readonly until: string;
}

/** Who gave an answer. */
export type AnsweredBy = "owner" | "notification" | "earlier-answer" | "time-limit" | "too-many" | "not-written-down";

/** An answer that outlives its question. */
export interface Remembered {
  readonly instance: string;
  readonly request: string;
  readonly target: string;
  readonly allow: boolean;
  /** ISO 8601. */
  readonly until: string;
}

export interface AsksWorld {
  readonly now: () => number;
  /** @returns what calls it off */
  readonly after: (milliseconds: number, act: () => void) => () => void;
  /** @returns why it is not on record, in words; undefined where it is */
  readonly record: (question: Question, id: string, about: Told) => Promise<string | undefined>;
  /**
   * Keeps the answers with a time over a restart.
   *
   * @returns why they are not kept, in words; undefined where they are
   */
  readonly keep: (answers: readonly Remembered[]) => Promise<string | undefined>;
  /** Writes the answer into the deployment; what is wrong with that, in words, else undefined. */
  readonly writeDown: (question: Question, allow: boolean) => Promise<string | undefined>;
  /** Shows it to the owner where there is a way. */
  readonly show: (waiting: Waiting, signal: AbortSignal) => void;
}

/** What the record says of a question: that it was put, or how it was answered. */
export type Told =
  | { readonly kind: "asked" }
  | {
      readonly kind: "answered";
      readonly allow: boolean;
      readonly by: AnsweredBy;
      readonly lifetime: Lifetime["kind"];
    };

export type AnswerProblem =
  | { readonly kind: "no-such-question"; readonly id: string }
  | { readonly kind: "not-written-down"; readonly instance: string; readonly because: string }
  | { readonly kind: "answer-not-on-record"; readonly instance: string; readonly because: string };

interface Open {
  readonly waiting: Waiting;
  readonly settle: (allow: boolean) => void;
  readonly settled: Promise<boolean>;
  readonly gone: AbortController;
  /** Called off where somebody answers. */
  readonly callOff: () => void;
  waiters: number;
}

const ONCE: Lifetime = { kind: "once" };

export class Asks {
  readonly #world: AsksWorld;
  readonly #open = new Map<string, Open>();
  /** Answers for as long as a compartment runs, by compartment and question. */
  readonly #sessions = new Map<string, Map<string, boolean>>();
  #remembered: readonly Remembered[];
  /** Called when a question comes or goes. */
  readonly #watchers = new Set<() => void>();

  /** @param remembered - answers of an earlier agent that have a time */
  constructor(world: AsksWorld, remembered: readonly Remembered[]) {
    this.#world = world;
    this.#remembered = remembered;
  }

  list(): readonly Waiting[] {
    return [...this.#open.values()].map(({ waiting }) => waiting);
  }

  /** The questions that wait, now and at every change. */
  async *watch(signal: AbortSignal): AsyncGenerator<readonly Waiting[]> {
    let wake = () => {};
    const onChange = () => wake();
    this.#watchers.add(onChange);
    signal.addEventListener("abort", onChange, { once: true });
    try {
      while (!signal.aborted) {
        const changed = new Promise<void>((resolve) => (wake = resolve));
        yield this.list();
        await changed;
      }
    } finally {
      this.#watchers.delete(onChange);
    }
  }

  /**
   * @param signal - of the one who asks: a connection that is gone asks no more
   * @returns whether it is allowed
   */
  async ask(question: Question, signal: AbortSignal): Promise<boolean> {
    const known = this.#known(question);
    if (known !== undefined) return known;
    const same = [...this.#open.values()].find(({ waiting }) => keyOf(waiting) === keyOf(question));
    const open = same ?? (await this.#begin(question));
    if (open === undefined) return false;
    open.waiters++;
    try {
      return await Promise.race([open.settled, gone(signal)]);
    } finally {
      open.waiters--;
      if (open.waiters === 0 && signal.aborted) this.#close(open, false);
    }
  }

  /** The owner's answer to a question that waits. */
  async answer(
    id: string,
    allow: boolean,
    lifetime: Lifetime,
    by: "owner" | "notification" = "owner",
  ): Promise<Result<Waiting, AnswerProblem>> {
    const open = this.#open.get(id);
    if (open === undefined) return refusal({ kind: "no-such-question", id });
    const { waiting } = open;
    const { instance, request, target } = waiting;
    const unrecorded = await this.#world.record(waiting, id, { kind: "answered", allow, by, lifetime: lifetime.kind });
    if (unrecorded !== undefined) return refusal({ kind: "answer-not-on-record", instance, because: unrecorded });
    const others = this.#remembered.filter((one) => !this.#isOver(one) && keyOf(one) !== keyOf(waiting));
    const remembered =
      lifetime.kind === "until" ? [...others, { instance, request, target, allow, until: lifetime.time }] : undefined;
    const because =
      lifetime.kind === "for-ever"
        ? await this.#world.writeDown(waiting, allow)
        : remembered && (await this.#world.keep(remembered));
    if (because !== undefined) {
      // It is on record already; what comes of it has to be as well.
      await this.#world.record(waiting, id, told(false, "not-written-down"));
      return refusal({ kind: "not-written-down", instance, because });
    }
    // Also for ever: until a change of the deployment is in force, the same may be asked again.
    if (lifetime.kind === "session" || lifetime.kind === "for-ever")
      this.#forSession(waiting).set(keyOf(waiting), allow);
    if (remembered !== undefined) this.#remembered = remembered;
    this.#close(open, allow);
    return success(waiting);
  }

  /** The compartment has ended: nobody waits there any more, and what was answered for it is over. */
  forget(compartment: string): void {
    this.#sessions.delete(compartment);
    for (const open of this.#open.values()) if (open.waiting.compartment === compartment) this.#close(open, false);
  }

  async #begin(question: Question): Promise<Open | undefined> {
    const mine = [...this.#open.values()].filter(({ waiting }) => waiting.instance === question.instance);
    const id = randomBytes(4).toString("hex");
    if (mine.length >= ASK_LIMITS.waiting) {
      await this.#world.record(question, id, told(false, "too-many"));
      return undefined;
    }
    const now = this.#world.now();
    const time = (milliseconds: number) => new Date(milliseconds).toISOString();
    const { instance, compartment, request, target } = question;
    const asked = { instance, compartment, request, target };
    const waiting = { ...asked, id, since: time(now), until: time(now + ASK_LIMITS.waitMs) };
    const { promise: settled, resolve: settle } = Promise.withResolvers<boolean>();
    const callOff = this.#world.after(ASK_LIMITS.waitMs, () => {
      void this.#world.record(waiting, id, told(false, "time-limit"));
      this.#close(open, false);
    });
    const open: Open = { waiting, settle, settled, gone: new AbortController(), callOff, waiters: 0 };
    this.#open.set(id, open);
    if ((await this.#world.record(waiting, id, { kind: "asked" })) !== undefined) {
      this.#close(open, false);
      return undefined;
    }
    this.#tellWatchers();
    this.#world.show(waiting, open.gone.signal);
    return open;
  }

  #known(question: Question): boolean | undefined {
    const forSession = this.#sessions.get(question.compartment)?.get(keyOf(question));
    if (forSession !== undefined) return forSession;
    return this.#remembered.find((one) => keyOf(one) === keyOf(question) && !this.#isOver(one))?.allow;
  }

  #isOver({ until }: Remembered): boolean {
    return Date.parse(until) <= this.#world.now();
  }

  #forSession({ compartment }: Question): Map<string, boolean> {
    const known = this.#sessions.get(compartment) ?? new Map<string, boolean>();
    this.#sessions.set(compartment, known);
    return known;
  }

  #close(open: Open, allow: boolean): void {
    if (!this.#open.delete(open.waiting.id)) return;
    open.callOff();
    open.gone.abort();
    open.settle(allow);
    this.#tellWatchers();
  }

  #tellWatchers(): void {
    for (const tell of this.#watchers) tell();
  }
}

function told(allow: boolean, by: AnsweredBy): Told {
  return { kind: "answered", allow, by, lifetime: ONCE.kind };
}

/** The same question, whichever start of the instance it comes from. */
function keyOf({ instance, request, target }: Pick<Question, "instance" | "request" | "target">): string {
  return JSON.stringify([instance, request, target]);
}

/** One who has left hears no, which nobody hears. */
async function gone(signal: AbortSignal): Promise<false> {
  return await new Promise((resolve) => {
    if (signal.aborted) resolve(false);
    else signal.addEventListener("abort", () => resolve(false), { once: true });
  });
}
