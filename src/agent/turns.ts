/** Turns: so many at a time; who comes later waits, in the order of coming. */
export class Turns {
  readonly #most: number;
  readonly #waiting: (() => void)[] = [];
  #taken = 0;

  constructor(most: number) {
    this.#most = most;
  }

  async take<Value>(act: () => Promise<Value>): Promise<Value> {
    if (this.#taken < this.#most) this.#taken += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await act();
    } finally {
      const next = this.#waiting.shift();
      // Its place goes to the next one as it is.
      if (next === undefined) this.#taken -= 1;
      else next();
    }
  }
}
