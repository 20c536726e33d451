/**
 * Layer holds: between the look for an image and the record that something runs from it, its layers must not go.
 *
 * Invariants
 * - What is held is not taken, and what is being taken is not held. Both are decided in one turn of the event loop.
 * - A hold says nothing about what runs: that is known from the records of starts.
 */
export class LayerHolds {
  readonly #held = new Map<string, number>();
  readonly #taken = new Set<string>();

  /** @returns how to let go; undefined where one of them is being taken away */
  hold(keys: readonly string[]): (() => void) | undefined {
    if (keys.some((key) => this.#taken.has(key))) return undefined;
    for (const key of keys) this.#held.set(key, (this.#held.get(key) ?? 0) + 1);
    let done = false;
    return () => {
      if (done) return;
      done = true;
      for (const key of keys) {
        const left = (this.#held.get(key) ?? 1) - 1;
        if (left === 0) this.#held.delete(key);
        else this.#held.set(key, left);
      }
    };
  }

  /** @returns false where somebody holds it */
  take(key: string): boolean {
    if (this.#held.has(key)) return false;
    this.#taken.add(key);
    return true;
  }

  /** It is gone, or stays after all. */
  give(key: string): void {
    this.#taken.delete(key);
  }

  get any(): boolean {
    return this.#held.size > 0;
  }
}
