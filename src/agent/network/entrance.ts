/**
 * Entrance: all published ports of one start, from before its app runs until it has ended.
 *
 * Invariants
 * - One change after another: each begins from what the one before has left.
 * - At a start all ports are open, or none. Later, what cannot be opened is tried again, and that is told.
 */
import { placeText, type Publish } from "../../model/index.ts";
import { type Result, success } from "../../result.ts";
import { type NotPublished, PublishedPort, type PublishedPortParts } from "./published-port.ts";
import { whyNotOpen } from "./publish-words.ts";
import { Turns } from "../turns.ts";

const AGAIN_AFTER_MS = 1_000;

export interface EntranceParts extends PublishedPortParts {
  /** A port cannot be opened while its app runs, for this reason. */
  readonly tell: (publish: Publish, because: string) => Promise<void>;
}

export interface PublishedState {
  readonly publish: Publish;
  readonly isOpen: boolean;
  /** Why it is not open; empty where it is. */
  readonly because: string;
  readonly connections: number;
}

export class Entrance {
  readonly #parts: EntranceParts;
  readonly #ports = new Map<string, { readonly port: PublishedPort; because: string }>();
  readonly #turns = new Turns(1);
  #again: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(parts: EntranceParts) {
    this.#parts = parts;
  }

  /** Before the app begins: all of them, or none. */
  async open(publishes: readonly Publish[]): Promise<Result<void, NotPublished>> {
    return await this.#turns.take(async () => {
      for (const publish of publishes) {
        const port = new PublishedPort(publish, this.#parts);
        const opened = await port.open();
        if (!opened.ok) {
          this.close();
          return opened;
        }
        this.#ports.set(keyOf(publish), { port, because: "" });
      }
      return success(undefined);
    });
  }

  /** While the app runs: these are open from now on, and no others. @returns what has changed, in words for its owner */
  async become(publishes: readonly Publish[]): Promise<readonly Change[]> {
    return await this.#turns.take(async () => {
      const wanted = new Set(publishes.map(keyOf));
      const changes: Change[] = [];
      for (const [key, { port }] of this.#ports) {
        if (wanted.has(key)) continue;
        this.#ports.delete(key);
        changes.push({ publish: port.publish, kind: "closed", cut: port.close(), because: "" });
      }
      for (const publish of publishes) {
        if (this.#closed || this.#ports.has(keyOf(publish))) continue;
        const port = new PublishedPort(publish, this.#parts);
        const because = await this.#tryOpen(port);
        this.#ports.set(keyOf(publish), { port, because });
        changes.push({ publish, kind: because === "" ? "opened" : "waits", cut: 0, because });
        if (because !== "") await this.#parts.tell(publish, because);
      }
      this.#tryAgainLater();
      return changes;
    });
  }

  /** At once, whatever else is under way. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#again);
    for (const { port } of this.#ports.values()) port.close();
    this.#ports.clear();
  }

  /** Once what was under way has come to its end. */
  async settled(): Promise<void> {
    await this.#turns.take(async () => {});
  }

  get state(): readonly PublishedState[] {
    return [...this.#ports.values()].map(({ port, because }) => {
      const { publish, isOpen, connections } = port;
      return { publish, isOpen, because, connections };
    });
  }

  /** @returns why it is not open; empty where it is */
  async #tryOpen(port: PublishedPort): Promise<string> {
    const opened = await port.open();
    // It may have been closed meanwhile.
    if (this.#closed) port.close();
    return opened.ok ? "" : whyNotOpen(opened.problem);
  }

  #tryAgainLater(): void {
    const waits = [...this.#ports.values()].some(({ port }) => !port.isOpen);
    if (!waits || this.#closed) return;
    clearTimeout(this.#again);
    const again = () => {
      this.#turns
        .take(async () => await this.#tryAgain())
        .catch((error: unknown) => {
          process.stderr.write(`published ports of ${this.#parts.instance} cannot be opened: ${String(error)}\n`);
        });
    };
    this.#again = setTimeout(again, AGAIN_AFTER_MS).unref();
  }

  async #tryAgain(): Promise<void> {
    for (const one of this.#ports.values()) if (!one.port.isOpen) one.because = await this.#tryOpen(one.port);
    this.#tryAgainLater();
  }
}

export interface Change {
  readonly publish: Publish;
  /** `waits`: it cannot be opened now, and is tried again. */
  readonly kind: "opened" | "closed" | "waits";
  /** Connections that were ended. */
  readonly cut: number;
  readonly because: string;
}

function keyOf({ port, at }: Publish): string {
  return `${port} ${placeText(at)}`;
}
