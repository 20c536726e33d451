/**
 * Allowance: how many bytes may still pass under a rule: by a quota for any 24 hours, and by a rate.
 *
 * Clocks come in with each question, so that the same questions have the same answers. The quota counts by the wall
 * clock, since it outlives the agent; the rate by a clock that never goes back.
 *
 * Invariants
 * - In no 24 hours more than the quota passes. For that each hour counts in full until 24 hours after its end.
 * - In no second more than twice the rate passes, and over time not more than the rate.
 * - A clock that is turned back gives nothing: what was counted for a later hour counts still.
 */

export interface Allowed {
  readonly bytesPerDay: number | undefined;
  readonly bytesPerSecond: number | undefined;
}

/** How much may pass now; with 0 when to ask again, and why. */
export type Take =
  | { readonly kind: "bytes"; readonly bytes: number }
  | { readonly kind: "wait"; readonly milliseconds: number }
  /** The quota is used up; it says when some of it is free again. */
  | { readonly kind: "used-up"; readonly milliseconds: number };

/** What is kept of it beyond the life of the agent; survives JSON. Hours since the epoch, with their bytes. */
export type AllowanceState = readonly (readonly [hour: number, bytes: number])[];

const HOUR_MS = 3_600_000;
/** 24 whole ones, and the one that runs. */
const HOURS_KEPT = 25;

export class Allowance {
  readonly #allowed: Allowed;
  readonly #hours: Map<number, number>;
  /** The latest hour that the wall clock has shown. */
  #latest: number;
  #tokens: number;
  #filledAtMs: number | undefined;

  constructor(allowed: Allowed, state: AllowanceState = []) {
    this.#allowed = allowed;
    this.#hours = new Map(state);
    this.#latest = Math.max(0, ...this.#hours.keys());
    this.#tokens = allowed.bytesPerSecond ?? 0;
  }

  /**
   * Asks for bytes, and counts those that it gives.
   *
   * @param bytes - at least 1
   * @param wallMs - since the epoch
   * @param steadyMs - of a clock that never goes back
   */
  take(bytes: number, wallMs: number, steadyMs: number): Take {
    const byQuota = this.#leftOfQuota(wallMs);
    if (byQuota <= 0) return { kind: "used-up", milliseconds: this.#untilFree(wallMs) };
    const byRate = this.#leftOfRate(steadyMs);
    const given = Math.min(bytes, byQuota, byRate);
    if (given < 1) {
      const perMs = (this.#allowed.bytesPerSecond ?? 0) / 1000;
      return { kind: "wait", milliseconds: Math.max(1, Math.ceil((1 - byRate) / perMs)) };
    }
    this.#count(given, wallMs);
    return { kind: "bytes", bytes: given };
  }

  /** Bytes of the last 24 hours, and of what is left of an hour before them. */
  usedInADay(wallMs: number): number {
    this.#pass(wallMs);
    return [...this.#hours.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  get state(): AllowanceState {
    return this.#latest === 0 || this.#hours.has(this.#latest) ? [...this.#hours] : [...this.#hours, [this.#latest, 0]];
  }

  /** @returns undefined for what was not written by `state` */
  static readState(state: unknown): AllowanceState | undefined {
    if (!Array.isArray(state) || state.length > 2 * HOURS_KEPT) return undefined;
    const hours: [number, number][] = [];
    for (const entry of state as readonly unknown[]) {
      if (!Array.isArray(entry) || entry.length !== 2) return undefined;
      const [hour, bytes] = entry as readonly unknown[];
      if (!isCount(hour) || !isCount(bytes)) return undefined;
      hours.push([hour, bytes]);
    }
    return hours;
  }

  #leftOfQuota(wallMs: number): number {
    const { bytesPerDay } = this.#allowed;
    return bytesPerDay === undefined ? Number.POSITIVE_INFINITY : bytesPerDay - this.usedInADay(wallMs);
  }

  #leftOfRate(steadyMs: number): number {
    const { bytesPerSecond } = this.#allowed;
    if (bytesPerSecond === undefined) return Number.POSITIVE_INFINITY;
    const passedMs = Math.max(0, steadyMs - (this.#filledAtMs ?? steadyMs));
    this.#filledAtMs = Math.max(steadyMs, this.#filledAtMs ?? steadyMs);
    this.#tokens = Math.min(bytesPerSecond, this.#tokens + (passedMs * bytesPerSecond) / 1000);
    return Math.floor(this.#tokens);
  }

  #count(bytes: number, wallMs: number): void {
    if (this.#allowed.bytesPerSecond !== undefined) this.#tokens -= bytes;
    if (this.#allowed.bytesPerDay === undefined) return;
    this.#pass(wallMs);
    this.#hours.set(this.#latest, (this.#hours.get(this.#latest) ?? 0) + bytes);
  }

  /** The hour never goes back: else a clock that is turned back would open a second day. */
  #pass(wallMs: number): void {
    this.#latest = Math.max(this.#latest, Math.floor(wallMs / HOUR_MS));
    for (const hour of [...this.#hours.keys()]) if (hour <= this.#latest - HOURS_KEPT) this.#hours.delete(hour);
  }

  #untilFree(wallMs: number): number {
    const first = Math.min(...this.#hours.keys());
    return Math.max(1, (first + HOURS_KEPT) * HOUR_MS - wallMs);
  }
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
