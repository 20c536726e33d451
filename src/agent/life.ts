/**
 * Life: what is asked of instances that run, or are to run: to come up, to be ready, to stay down.
 *
 * Brings together who knows what runs (compartments.ts), who starts it again (services.ts), and who sees that it can be
 * used (readiness.ts). How a start is made is not known here; it is handed in.
 */
import type { ProcessName } from "../host/index.ts";
import type { Image } from "../image/index.ts";
import type { Deployment } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";
import type { Argv } from "../step/index.ts";
import { type Autostarted, autostart } from "./services/autostart.ts";
import { Compartments } from "./compartments.ts";
import type { Start } from "./start-record.ts";
import type { Asks } from "./asks/asks.ts";
import { findDeployment } from "./catalogue.ts";
import type { AgentContext, Work } from "./context.ts";
import type { AgentProblem } from "./explain.ts";
import { bringUpLinked, type LinkProblem } from "./services/links.ts";
import { OnDemand } from "./services/on-demand.ts";
import { Screens } from "./display/screens.ts";
import { Learning } from "./learn/learning.ts";
import { LiveChanges } from "./grants/live-change.ts";
import type { Dialled } from "./network/dial.ts";
import { DroppedFrames } from "./network/dropped-frames.ts";
import { Entrances } from "./network/entrances.ts";
import { Networks } from "./network/networks.ts";
import type { Stopped } from "./machines/power-off.ts";
import { ReadyWatch } from "./services/readiness.ts";
import { Services } from "./services/services.ts";
import { boots } from "./launch/machine.ts";
import { NO_WORDS, type WantedWords } from "./launch/wanted.ts";

type Answer<Value> = Promise<Result<Value, AgentProblem>>;

/** For a run that learns, and whose agent has ended. */
const LEFT_ALONE_GRACE_MS = 2_000;

/** For an app that nobody needs any more. */
const UNUSED_GRACE_MS = 10_000;

/** Nobody waits for it in front of a terminal. */
const BACKGROUND: Work = { signal: new AbortController().signal, report: () => {} };
interface Launched {
  readonly prepared: { readonly spec: { readonly name: string }; readonly image: Image };
}

export interface Acts {
  /** Starts in the background. @param again - by its restart policy, not by its owner */
  readonly launch: (words: WantedWords, work: Work, again: boolean) => Answer<Launched>;
  /** What runs a command in a compartment that stands. */
  readonly entry: (start: Start, command: Argv) => Promise<Argv | undefined>;
}

export class Life {
  readonly compartments: Compartments;
  readonly services: Services;
  readonly readiness: ReadyWatch;
  readonly networks: Networks;
  readonly entrances: Entrances;
  readonly #dropped: DroppedFrames;
  readonly live: LiveChanges;
  readonly learning: Learning;
  readonly onDemand: OnDemand;
  readonly screens: Screens;
  readonly #context: AgentContext;
  readonly #acts: Acts;
  /** Starts that their owner has stopped or killed; only those that are still known. */
  readonly #stopped = new Set<string>();

  constructor(context: AgentContext, asks: Asks, acts: Acts) {
    this.#context = context;
    this.#acts = acts;
    this.learning = new Learning(context);
    this.onDemand = new OnDemand({
      runs: (name) => this.compartments.running(name),
      all: () => this.compartments.all(),
      deployment: async (name) => {
        const found = await findDeployment(name, context);
        return found.ok ? found.value.thing : undefined;
      },
      isShut: (name) => this.services.isShut(name),
      publishedConnections: (id) => this.entrances.connectionsOf(id),
      bringUp: async (name) => await this.bringUp(name, BACKGROUND, true),
      stop: async (name) => {
        // Not by its owner: who connects next brings it up again.
        await this.services.forget(name);
        await this.compartments.stop(name, UNUSED_GRACE_MS);
      },
      record: async (event) => {
        await context.audit.append(event);
      },
      now: () => performance.now(),
    });
    this.networks = new Networks(context, asks, async (name) => {
      const entered = await this.onDemand.enter(name);
      return entered && { app: dialledOf(this.compartments.newest(name), entered.app), leave: entered.leave };
    });
    this.entrances = new Entrances(context, (id) => {
      const start = this.compartments.byId(id);
      return dialledOf(start, start?.child);
    });
    this.#dropped = new DroppedFrames(context, (name) => this.compartments.newest(name)?.record.spec.id);
    this.compartments = new Compartments(context, {
      stands: (start) => {
        this.networks.stands(start);
        this.entrances.stands(start);
        this.#dropped.stands(start);
        this.live.stands(start);
        this.readiness.watch(start);
      },
      ended: async (start) => {
        asks.forget(start.record.spec.id);
        await this.entrances.ended(start.record.spec);
        const { learning, spec } = start.record;
        if (learning === true) this.learning.ended(spec, await this.networks.stateOf(spec.id));
        await this.networks.ended(start.record.spec.id);
        await this.#dropped.ended(start.record.spec);
        this.live.ended(start.record.spec.id);
        await this.services.ended(start);
        this.readiness.tellOfEnd(start);
        this.screens.sweep();
      },
    });
    this.screens = new Screens(context, this.compartments, {
      launch: async (words, work) => {
        const launched = await acts.launch(words, work, false);
        if (!launched.ok) return launched;
        const { spec, image } = launched.value.prepared;
        return success({ name: spec.name, image });
      },
      ready: async (name, work) => await this.waitUntilReady(name, work),
      entry: acts.entry,
    });
    this.live = new LiveChanges(context, this.compartments, this, async (name) => {
      const words = this.services.wordsOf(name) ?? { ...NO_WORDS, name };
      await this.services.stopping(name);
      return (await acts.launch(words, BACKGROUND, false)).ok;
    });
    this.readiness = new ReadyWatch(this.compartments, acts.entry);
    this.services = new Services(
      context,
      async (words, signal) => await acts.launch(words, { ...BACKGROUND, signal }, true),
    );
  }

  /** Takes over what an earlier agent left. */
  async adopt(): Promise<void> {
    await this.learning.clear();
    await this.compartments.adopt();
    // Nobody has watched it meanwhile, and its owner's word was for being watched.
    for (const { record, state } of this.compartments.all())
      if (record.learning === true && (state === "running" || state === "frozen"))
        void this.compartments.stop(record.spec.name, LEFT_ALONE_GRACE_MS).catch(() => {});
    await this.screens.adopt();
    await this.services.adopt(this.compartments.all());
    // What was left half done is whole before anything else is asked for.
    await this.live.settled();
    this.onDemand.watch();
  }

  close(): void {
    this.onDemand.close();
    this.services.close();
    this.readiness.close();
    this.live.close();
    this.compartments.close();
  }

  /** Something runs, or waits for its next start. */
  get busy(): boolean {
    const runs = this.compartments.all().some(({ state }) => state === "running" || state === "frozen");
    return runs || this.services.busy;
  }

  /** Starts an instance where it does not run, and waits until it is ready. @returns true where it was started */
  async bringUp(name: string, work: Work, demanded = false): Answer<boolean> {
    await this.compartments.look();
    const runs = this.compartments.running(name) !== undefined;
    const words = { ...NO_WORDS, name, ...(demanded ? { demanded } : {}) };
    const started = runs ? success(undefined) : await this.#acts.launch(words, work, false);
    if (!started.ok && started.problem.kind !== "runs-already") return started;
    const ready = await this.waitUntilReady(name, work);
    return ready.ok ? success(started.ok && !runs) : ready;
  }

  /** Before an instance is started. @returns the names of those that were started for it */
  async bringUpLinked(deployment: Deployment, work: Work): Promise<Result<readonly string[], LinkProblem>> {
    return await bringUpLinked(deployment, this.#context, async (name) => await this.bringUp(name, work, true), work);
  }

  /** The newest start of an instance, once it can be used. */
  async waitUntilReady(name: string, work: Work): Answer<Start> {
    await this.compartments.look();
    const ready = await this.readiness.wait(name, work);
    if (!ready.ok) return ready;
    if (work.signal.aborted) return refusal({ kind: "interrupted" });
    if (ready.value !== undefined) return success(ready.value);
    const standing = await this.compartments.standing(name);
    return standing.ok ? success(standing.value.start) : standing;
  }

  async stop(name: string, graceMs: number): Answer<Stopped> {
    this.#noteStop(name);
    const waited = await this.#onlyWaited(name);
    if (waited?.ok === true) return success({ exitCode: waited.value, by: undefined });
    return await this.compartments.stop(name, graceMs);
  }

  /** @returns its exit code */
  async kill(name: string): Answer<number> {
    this.#noteStop(name);
    return (await this.#onlyWaited(name)) ?? (await this.compartments.kill(name));
  }

  /** Its owner has stopped or killed this start. */
  wasStopped(id: string): boolean {
    return this.#stopped.has(id);
  }

  #noteStop(name: string): void {
    const id = this.compartments.running(name)?.record.spec.id;
    if (id !== undefined) this.#stopped.add(id);
    for (const known of this.#stopped) if (this.compartments.byId(known) === undefined) this.#stopped.delete(known);
  }

  /** From here on nobody starts it again. @returns the end that it had, where it only waited for its next start */
  async #onlyWaited(name: string): Promise<Result<number, never> | undefined> {
    return (await this.services.stopping(name)) ? success(this.compartments.newest(name)?.exitCode ?? 0) : undefined;
  }

  async autostart(except: readonly string[], work: Work): Promise<readonly Autostarted[]> {
    const launch = async (words: WantedWords) => await this.#acts.launch(words, work, false);
    const { compartments, services, readiness } = this;
    return await autostart({ context: this.#context, compartments, services, readiness, launch }, except, work);
  }
}

function dialledOf(start: Start | undefined, child: ProcessName | undefined): Dialled | undefined {
  return start === undefined || child === undefined ? undefined : { child, inMachine: boots(start.record) };
}
