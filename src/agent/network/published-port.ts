/**
 * Published port: one place on this host at which an app is reached, while it is open.
 *
 * Who connects is led to the app's own loopback, and to the one port that its owner has named; the connection is made
 * inside, by the helper. Nothing of the app reaches out through it: it can only answer.
 */
import { createServer, type Server, type Socket } from "node:net";
import { once } from "node:events";
import { type NoOwnerSocket, listenAtOwnerSocket } from "../../host/index.ts";
import { type Publish, placeText } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import { relayCounted } from "./counted-relay.ts";
import type { Doorway } from "./doorway.ts";
import { Lender } from "./lender.ts";
import { bufferedAgain } from "./reading.ts";
import type { Tally } from "./tally.ts";

export interface NotPublished {
  readonly kind: "not-published";
  readonly instance: string;
  readonly publish: Publish;
  /** `in-use`: somebody else listens there. `not-allowed`: this user may not listen at that port. */
  readonly because: "in-use" | "not-allowed" | "no-address" | NoOwnerSocket["because"];
  readonly words: string;
  /** With `in-use`: the instance that is published there, where it is one of ours. */
  readonly by?: string | undefined;
}

export interface PublishedPortParts {
  readonly instance: string;
  readonly doorway: Doorway;
  readonly tally: Tally;
  /** How a Unix socket is made at the path. */
  readonly ownerSocket: (path: string) => Promise<Omit<Parameters<typeof listenAtOwnerSocket>[1], "path">>;
}

export class PublishedPort {
  readonly publish: Publish;
  readonly #parts: PublishedPortParts;
  #server: Server | undefined;
  /** Of both sides. */
  readonly #sockets = new Set<Socket>();
  readonly #lender = new Lender();
  #connections = 0;

  constructor(publish: Publish, parts: PublishedPortParts) {
    this.publish = publish;
    this.#parts = parts;
  }

  get isOpen(): boolean {
    return this.#server !== undefined;
  }

  get connections(): number {
    return this.#connections;
  }

  async open(): Promise<Result<void, NotPublished>> {
    const { at } = this.publish;
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (accepted) => {
      accepted.on("error", () => {});
      const client = bufferedAgain(accepted);
      // A Unix socket knows no reset, and Node throws where one is asked for.
      if (at.kind === "socket") client.resetAndDestroy = () => client.destroy();
      this.#take(client).catch((error: unknown) => fault(error, client));
    });
    const { instance, ownerSocket } = this.#parts;
    const no = (because: NotPublished["because"], words: string) =>
      refusal({ kind: "not-published", instance, publish: this.publish, because, words } as const);
    if (at.kind === "socket") {
      const listens = await listenAtOwnerSocket(server, { path: at.path, ...(await ownerSocket(at.path)) });
      if (!listens.ok) return no(listens.problem.because, listens.problem.words);
    } else {
      server.listen({ host: at.address, port: at.port, exclusive: true });
      try {
        await once(server, "listening");
      } catch (error) {
        const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
        return no(REFUSALS[code] ?? "failed", code);
      }
    }
    // What fails from here on is a connection that could not be accepted.
    server.on("error", () => {});
    this.#server = server;
    return success(undefined);
  }

  /** Cuts what is connected. @returns how many connections that were */
  close(): number {
    const cut = this.#connections;
    this.#server?.close();
    this.#server = undefined;
    for (const socket of this.#sockets) socket.resetAndDestroy();
    return cut;
  }

  async #take(client: Socket): Promise<void> {
    const { tally, doorway } = this.#parts;
    const to = placeText(this.publish.at);
    const refuse = (because: string) => {
      tally.note({ allowed: false, to, because });
      client.resetAndDestroy();
    };
    client.on("error", () => {});
    const entered = doorway.enter();
    if (!entered.ok) return refuse(entered.problem.because);
    this.#keep(client);
    this.#connections += 1;
    try {
      const app = await doorway.dial(this.publish.port);
      if (app === undefined) return refuse(`nothing listens at port ${this.publish.port} inside`);
      app.on("error", () => {});
      this.#keep(app);
      if (this.#server === undefined || client.destroyed) {
        for (const socket of [app, client]) socket.resetAndDestroy();
        return;
      }
      const counted = tally.note({ allowed: true, to, because: `port ${this.publish.port} is published` });
      await relayCounted(app, client, counted, { allowance: undefined, lender: this.#lender });
    } finally {
      this.#connections -= 1;
      entered.value.leave();
    }
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
  }
}

const REFUSALS: Readonly<Record<string, NotPublished["because"]>> = {
  EADDRINUSE: "in-use",
  EACCES: "not-allowed",
  EADDRNOTAVAIL: "no-address",
};

/** A fault of ours ends one connection, and not all that this process serves. */
function fault(error: unknown, client: Socket): void {
  const words = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`a published port fails: ${words}\n`);
  client.destroy();
}
