/** Streams: sockets that the VMM connects to, each once, and the end of a text that nobody may believe. */
import { createServer, type Socket } from "node:net";
import type { Writable } from "node:stream";

export interface Listening {
  /** The one connection that comes; no second one is taken. */
  readonly connected: Promise<Socket>;
  /** Ends the connection, or the wait for it; afterwards the place is free again. */
  readonly close: () => void;
}

export async function listenOnce(path: string): Promise<Listening> {
  const server = createServer({ allowHalfOpen: true });
  const connected = new Promise<Socket>((resolve) => {
    server.once("connection", (socket) => {
      server.close();
      resolve(socket);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  const close = () => {
    server.close();
    void connected.then((socket) => socket.destroy());
  };
  return { connected, close };
}

/**
 * Passes on what a machine says. Where nobody reads any more it is thrown away.
 *
 * @param shown - what of a piece is passed on; left out: all of it
 * @returns when who reads it has it all: at our own end, what is still on its way would be lost
 */
export async function passOn(
  socket: Socket,
  target: Writable,
  shown = (piece: Buffer): Buffer => piece,
): Promise<void> {
  let gone = false;
  target.on("error", () => (gone = true));
  socket.on("error", () => {});
  for await (const piece of socket) {
    if (gone || target.write(shown(Buffer.from(piece)))) continue;
    await new Promise<void>((resolve) => {
      target.once("drain", resolve).once("error", () => resolve());
    });
  }
  await new Promise<void>((resolve) => target.write("", () => resolve()));
}

/** What the machine's owner says next, without the line's end. @throws where it does not come, or is longer */
export async function lineOf(owner: Socket, limitBytes: number, withinMs: number): Promise<string> {
  return await new Promise((resolve, reject) => {
    let said = "";
    const timer = setTimeout(() => over(() => reject(new Error("its owner says nothing"))), withinMs);
    const hear = (piece: Buffer) => {
      said += piece.toString("utf8");
      const end = said.indexOf("\n");
      if (end !== -1) over(() => resolve(said.slice(0, end)));
      else if (said.length > limitBytes) over(() => reject(new Error("its owner says too much")));
    };
    const gone = () => over(() => reject(new Error("its owner has gone")));
    const over = (then: () => void) => {
      clearTimeout(timer);
      owner.off("data", hear).off("end", gone).off("close", gone);
      then();
    };
    owner.on("data", hear).once("end", gone).once("close", gone);
  });
}

/** Keeps the last bytes of what somebody says. */
export class Tail {
  readonly #limit: number;
  #kept: Buffer = Buffer.alloc(0);

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(piece: Buffer): void {
    this.#kept = Buffer.concat([this.#kept, piece]).subarray(-this.#limit);
  }

  /** As lines of plain characters: what a terminal would act on is shown as an escape. */
  text(): string {
    return this.#kept
      .toString("latin1")
      .replaceAll("\r", "")
      .replaceAll(/[^\n\x20-\x7e]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`)
      .trim();
  }
}
