/**
 * Tally: what a network has let through and refused, by rule and by target, and the records of it for the audit.
 *
 * A record is made once a second for each target, with how often; so an app that knocks a thousand times fills no disk.
 */

import type { NetworkRule } from "../../model/index.ts";
import type { Asker } from "./programs.ts";

/** Targets that are counted by themselves; what comes after them is counted together. */
const TARGETS_MOST = 256;

/** Records of one second; what is beyond is one more record. */
const RECORDS_MOST = 20;

const COLLECTED_FOR_MS = 1_000;

export interface Decided {
  readonly allowed: boolean;
  /** `example.org:443/tcp`, or with an address where there is no name. */
  readonly to: string;
  /** The rule that allowed it as its owner wrote it, or why none did. */
  readonly because: string;
  /** The rule that decided, where one did. */
  readonly rule?: NetworkRule | undefined;
}

export interface Counted extends Decided {
  times: number;
  /** Bytes from the app, and to it. */
  sent: number;
  received: number;
}

/**
 * @param decided - undefined for all that there was no room for
 * @param program - which program it was, the first time
 */
type Write = (decided: Decided | undefined, times: number, program: string | undefined) => Promise<void>;

interface Waiting {
  readonly decided: Decided;
  readonly program: string | undefined;
  times: number;
}

export class Tally {
  readonly #write: Write;
  readonly #counted = new Map<string, Counted>();
  readonly #rest = { times: 0 };
  #waiting = new Map<string, Waiting>();
  #beyond = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(write: Write) {
    this.#write = write;
  }

  /**
   * @param asker - asked at most once for a record, and of what is allowed for the first one alone
   * @returns where what passes is added; what nobody has room for is added nowhere
   */
  note(decided: Decided, times = 1, asker?: Asker): Counted {
    const key = `${decided.allowed} ${decided.to}`;
    let counted = this.#counted.get(key);
    const asks = !decided.allowed || counted === undefined;
    if (counted === undefined) {
      counted = { ...decided, times: 0, sent: 0, received: 0 };
      if (this.#counted.size < TARGETS_MOST) this.#counted.set(key, counted);
      else this.#rest.times += times;
    }
    counted.times += times;
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined) waiting.times += times;
    else if (this.#waiting.size < RECORDS_MOST)
      this.#waiting.set(key, { decided, times, program: asks ? asker?.() : undefined });
    else this.#beyond += times;
    this.#timer ??= setTimeout(() => void this.flush(), COLLECTED_FOR_MS).unref();
    return counted;
  }

  /** What was refused of which only the number is known. */
  noteOthers(times: number): void {
    this.#rest.times += times;
    this.#beyond += times;
    this.#timer ??= setTimeout(() => void this.flush(), COLLECTED_FOR_MS).unref();
  }

  get counted(): readonly Readonly<Counted>[] {
    return [...this.#counted.values()];
  }

  /** Decisions about targets that are not counted by themselves. */
  get others(): number {
    return this.#rest.times;
  }

  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const [waiting, beyond] = [this.#waiting, this.#beyond];
    this.#waiting = new Map();
    this.#beyond = 0;
    for (const { decided, times, program } of waiting.values()) await this.#write(decided, times, program);
    if (beyond > 0) await this.#write(undefined, beyond, undefined);
  }
}
