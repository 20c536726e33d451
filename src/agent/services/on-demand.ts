/**
 * On demand: brings up an instance whose deployment says so when another connects to it over a link, and stops it when
 * nobody has needed it for the time that stands there. The same for both walls.
 *
 * It is needed while somebody is connected to it, over a link or a published port, and while an instance runs that links
 * to it without a port.
 *
 * Invariants
 * - What its owner has started is never stopped here; what its owner has stopped is never started here.
 * - Of several who connect at once one brings it up, and the others wait for it.
 */
import type { AuditEvent } from "../../audit/index.ts";
import type { ProcessName } from "../../host/index.ts";
import type { CompartmentSpec, Deployment } from "../../model/index.ts";
import type { Result } from "../../result.ts";
import { type AgentProblem, explain } from "../explain.ts";
import type { Start, StartRecord } from "../start-record.ts";

const LOOK_EVERY_MS = 500;

/** What is looked at of a start. */
export interface KnownStart extends Pick<Start, "state" | "child"> {
  readonly record: Pick<StartRecord, "demanded"> & { readonly spec: Pick<CompartmentSpec, "id" | "name"> };
}

export interface OnDemandParts {
  readonly runs: (name: string) => KnownStart | undefined;
  readonly all: () => readonly KnownStart[];
  readonly deployment: (name: string) => Promise<Deployment | undefined>;
  readonly isShut: (name: string) => boolean;
  readonly publishedConnections: (id: string) => number;
  /** Ends when it is ready. */
  readonly bringUp: (name: string) => Promise<Result<unknown, AgentProblem>>;
  readonly stop: (name: string) => Promise<void>;
  readonly record: (event: AuditEvent) => Promise<void>;
  /** A steady clock, in milliseconds. */
  readonly now: () => number;
}

export interface Entered {
  readonly app: ProcessName | undefined;
  readonly leave: () => void;
}

export class OnDemand {
  readonly #parts: OnDemandParts;
  /** Connections over links, by the instance that they lead to. */
  readonly #open = new Map<string, number>();
  readonly #comingUp = new Map<string, Promise<boolean>>();
  readonly #stopping = new Map<string, Promise<void>>();
  /** Since when nobody needs a start, by its id. */
  readonly #unusedSince = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #looking = false;

  constructor(parts: OnDemandParts) {
    this.#parts = parts;
  }

  watch(): void {
    this.#timer = setInterval(() => void this.#lookOnce(), LOOK_EVERY_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Before somebody is connected to an instance. @returns undefined where it does not run, and is not to */
  async enter(name: string): Promise<Entered | undefined> {
    this.#open.set(name, (this.#open.get(name) ?? 0) + 1);
    let left = false;
    const leave = () => {
      if (left) return;
      left = true;
      const rest = (this.#open.get(name) ?? 1) - 1;
      if (rest === 0) this.#open.delete(name);
      else this.#open.set(name, rest);
    };
    await this.#stopping.get(name);
    // What is only coming up is known to run as well, and nobody listens in it yet.
    const coming = this.#comingUp.get(name);
    const up =
      coming === undefined ? this.#parts.runs(name) !== undefined || (await this.#bringUp(name)) : await coming;
    if (up) return { app: this.#parts.runs(name)?.child, leave };
    leave();
    return undefined;
  }

  async #bringUp(name: string): Promise<boolean> {
    const coming = this.#start(name).finally(() => this.#comingUp.delete(name));
    this.#comingUp.set(name, coming);
    return await coming;
  }

  async #start(name: string): Promise<boolean> {
    const { deployment, isShut, bringUp, record } = this.#parts;
    if ((await deployment(name))?.service.onDemand === undefined || isShut(name)) return false;
    const up = await bringUp(name);
    if (!up.ok) await record({ kind: "not-brought-up", instance: name, because: explain(up.problem).text });
    return up.ok;
  }

  async #lookOnce(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      await this.look();
    } catch (error) {
      process.stderr.write(`what nobody needs cannot be stopped: ${String(error)}\n`);
    } finally {
      this.#looking = false;
    }
  }

  /** Stops what nobody needs. */
  async look(): Promise<void> {
    const known = new Set<string>();
    for (const start of this.#parts.all()) {
      const { record, state } = start;
      if (record.demanded !== true || state !== "running") continue;
      known.add(record.spec.id);
      await this.#lookAt(start);
    }
    for (const id of this.#unusedSince.keys()) if (!known.has(id)) this.#unusedSince.delete(id);
  }

  async #lookAt({ record, child }: KnownStart): Promise<void> {
    const { deployment, now, stop } = this.#parts;
    const { id, name } = record.spec;
    // What only comes up cannot have been used.
    if (child === undefined || this.#isConnected(name, id)) {
      this.#unusedSince.delete(id);
      return;
    }
    const since = this.#unusedSince.get(id) ?? now();
    this.#unusedSince.set(id, since);
    const forMs = now() - since;
    const stopAfterMs = (await deployment(name))?.service.onDemand?.stopAfterMs;
    if (stopAfterMs === undefined || forMs < stopAfterMs) return;
    if (await this.#isWaitedFor(name)) {
      this.#unusedSince.delete(id);
      return;
    }
    // Meanwhile somebody may have connected.
    if (this.#isConnected(name, id)) return;
    const stopping = stop(name).finally(() => this.#stopping.delete(name));
    this.#stopping.set(name, stopping);
    await this.#parts.record({ kind: "unused", instance: name, id, forMs: Math.round(forMs) });
    await stopping;
  }

  #isConnected(name: string, id: string): boolean {
    return this.#open.has(name) || this.#parts.publishedConnections(id) > 0;
  }

  /** An instance that runs is to find it up, whether it connects to it or not. */
  async #isWaitedFor(name: string): Promise<boolean> {
    for (const { record, state } of this.#parts.all()) {
      if (state !== "running" && state !== "frozen") continue;
      const links = (await this.#parts.deployment(record.spec.name))?.service.links ?? [];
      if (links.some(({ to, port }) => to === name && port === undefined)) return true;
    }
    return false;
  }
}
