/**
 * Name addresses: gives each name that an app looks up addresses of its own, one IPv4 and one IPv6, that lead nowhere but
 * to Skerry. By the address that an app connects to, its name is known again.
 *
 * One of these for each network of a compartment.
 *
 * Invariants
 * - Two names never have the same address at the same time.
 * - A name that is held (a connection lives) keeps its address. One that is forgotten comes last in line: each other
 *   address of the range is given before its address is given again.
 */
import { type IpAddress, ipText, isInRange, NAME_RANGE_4, NAME_RANGE_6, parseIp } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";

/** Names that are known at a time. */
export const MAX_NAMES = 4096;

/** The first 256 addresses are kept for Skerry itself: its resolver is among them. */
const FIRST_INDEX = 256;
const LAST_INDEX = 2 ** 17 - 2;
const INDEXES = LAST_INDEX - FIRST_INDEX + 1;

export interface Addresses {
  readonly four: string;
  readonly six: string;
}

export interface NamesFull {
  readonly kind: "names-full";
  readonly limit: number;
}

/** What is kept of it beyond the life of the agent; survives JSON. */
export interface NameAddressesState {
  /** The index that is tried next. */
  readonly next: number;
  /** Names with their indexes, the longest unused first. */
  readonly names: readonly (readonly [name: string, index: number])[];
}

export class NameAddresses {
  /** In the order of their last use. */
  readonly #indexes = new Map<string, number>();
  readonly #names = new Map<number, string>();
  readonly #held = new Map<string, number>();
  #next = FIRST_INDEX;

  /**
   * The addresses of a name, which become its own if it has none.
   *
   * Problems
   * - `names-full`: as many names as can be known are held by connections
   */
  give(name: string): Result<Addresses, NamesFull> {
    const known = this.#indexes.get(name);
    if (known === undefined && this.#indexes.size >= MAX_NAMES && !this.#forgetOne())
      return refusal({ kind: "names-full", limit: MAX_NAMES });
    const index = known ?? this.#freeIndex();
    // To the end: used last.
    this.#indexes.delete(name);
    this.#indexes.set(name, index);
    this.#names.set(index, name);
    return success(addressesAt(index));
  }

  /** The name that an address was given to, if it has it still. */
  nameAt(address: string): string | undefined {
    const ip = parseIp(address);
    const index = ip === undefined ? undefined : indexOf(ip);
    return index === undefined ? undefined : this.#names.get(index);
  }

  /** A connection to the name lives: until the returned function is called, it keeps its address. */
  hold(name: string): () => void {
    if (!this.#indexes.has(name)) throw new Error("a name is held that has no address");
    this.#held.set(name, (this.#held.get(name) ?? 0) + 1);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const left = (this.#held.get(name) ?? 1) - 1;
      if (left === 0) this.#held.delete(name);
      else this.#held.set(name, left);
    };
  }

  get state(): NameAddressesState {
    return { next: this.#next, names: [...this.#indexes] };
  }

  /** @returns undefined for what was not written by `state`; a program that read it wrongly would mix up names */
  static from(state: unknown): NameAddresses | undefined {
    if (typeof state !== "object" || state === null || !("next" in state) || !("names" in state)) return undefined;
    const { next, names } = state;
    if (!isIndex(next) || !Array.isArray(names) || names.length > MAX_NAMES) return undefined;
    const out = new NameAddresses();
    for (const entry of names as readonly unknown[]) {
      if (!Array.isArray(entry) || entry.length !== 2) return undefined;
      const [name, index] = entry as readonly unknown[];
      if (typeof name !== "string" || name.length > 253 || !isIndex(index)) return undefined;
      if (out.#indexes.has(name) || out.#names.has(index)) return undefined;
      out.#indexes.set(name, index);
      out.#names.set(index, name);
    }
    out.#next = next;
    return out;
  }

  /** Forgets the name that was not used for longest and is not held. */
  #forgetOne(): boolean {
    for (const [name, index] of this.#indexes) {
      if (this.#held.has(name)) continue;
      this.#indexes.delete(name);
      this.#names.delete(index);
      return true;
    }
    return false;
  }

  /** There is one: far fewer names are known than there are addresses. */
  #freeIndex(): number {
    while (this.#names.has(this.#next)) this.#advance();
    const index = this.#next;
    this.#advance();
    return index;
  }

  #advance(): void {
    this.#next = FIRST_INDEX + ((this.#next - FIRST_INDEX + 1) % INDEXES);
  }
}

function addressesAt(index: number): Addresses {
  return {
    four: ipText({ family: 4, bits: NAME_RANGE_4.bits + BigInt(index) }),
    six: ipText({ family: 6, bits: NAME_RANGE_6.bits + BigInt(index) }),
  };
}

function indexOf(ip: IpAddress): number | undefined {
  const range = ip.family === 4 ? NAME_RANGE_4 : NAME_RANGE_6;
  if (!isInRange(ip, range)) return undefined;
  const distance = ip.bits - range.bits;
  return distance > BigInt(LAST_INDEX) ? undefined : Number(distance);
}

function isIndex(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= FIRST_INDEX && value <= LAST_INDEX;
}
