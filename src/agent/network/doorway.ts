/**
 * Doorway: how many may come in to one app from the host, over all its published ports, and how they are led inside.
 *
 * Each connection is made by a program of its own, so few are made at a time; who comes then waits. The limits are this
 * start's own: a peer that is slow, or an app that takes nobody in, keeps no other waiting.
 */
import type { Socket } from "node:net";
import { Allowance } from "../../broker/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import { DIALS_MOST } from "./dial.ts";
import { Turns } from "../turns.ts";

/** Connections at a time. */
const CONNECTIONS_MOST = 1_000;

/** New connections in a second, over some time; as many again at once. */
const NEW_PER_SECOND = 200;

export interface TooMany {
  readonly kind: "too-many";
  readonly because: string;
}

export class Doorway {
  readonly #dial: (port: number) => Promise<Socket | undefined>;
  readonly #pace = new Allowance({ bytesPerDay: undefined, bytesPerSecond: NEW_PER_SECOND });
  readonly #turns = new Turns(DIALS_MOST);
  #inside = 0;

  /** @param dial - a connection to a port inside; undefined where nothing listens there */
  constructor(dial: (port: number) => Promise<Socket | undefined>) {
    this.#dial = dial;
  }

  /** One more is there. Who has entered leaves once. */
  enter(): Result<{ readonly leave: () => void }, TooMany> {
    if (this.#inside >= CONNECTIONS_MOST)
      return refusal({ kind: "too-many", because: `more than ${CONNECTIONS_MOST} connections at a time` });
    const paced = this.#pace.take(1, Date.now(), performance.now());
    if (paced.kind !== "bytes")
      return refusal({ kind: "too-many", because: `more than ${NEW_PER_SECOND} new connections in a second` });
    this.#inside += 1;
    return success({ leave: () => (this.#inside -= 1) });
  }

  /** In turn. */
  async dial(port: number): Promise<Socket | undefined> {
    return await this.#turns.take(async () => await this.#dial(port));
  }
}
