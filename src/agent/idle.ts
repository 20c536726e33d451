/** Idle: since when nobody has asked anything. What is still being answered, however long it takes, is asked now. */
export class Idle {
  #open = 0;
  #since: number;

  /** @param now - milliseconds, of a clock that is not set back */
  constructor(now: number) {
    this.#since = now;
  }

  /** @returns what is to be called once it is answered, or its caller has gone */
  begin(): (now: number) => void {
    let ended = false;
    this.#open += 1;
    return (now) => {
      if (ended) return;
      ended = true;
      this.#open -= 1;
      this.#since = now;
    };
  }

  forMs(now: number): number {
    return this.#open > 0 ? 0 : now - this.#since;
  }
}
