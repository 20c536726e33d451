/**
 * Picture: hands out what a machine's screen shows, at a socket of its own, to whoever may go behind the wall: its owner.
 *
 * The VMM draws it into a file of the machine's own, which is read and removed at once. Who connects gets the picture and
 * the end of the stream, or the end alone where there is none.
 *
 * Invariant: one picture at a time, and none is larger than the limit.
 */
import { constants } from "node:fs";
import { open, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";

/** Far more than a large screen in no compression at all. */
const LIMIT_BYTES = 64 * 1024 * 1024;

/** Of those that wait; a person asks for one. */
const MOST_WAITING = 16;

/** An emulated machine on a busy host. */
const DRAWN_WITHIN_MS = 60_000;

export class Pictures {
  readonly #file: string;
  readonly #order: (file: string) => boolean;
  readonly #waiting: Socket[] = [];
  #drawing: NodeJS.Timeout | undefined;

  /**
   * @param file - where the VMM draws
   * @param order - tells it to; @returns whether it listens
   */
  constructor(file: string, order: (file: string) => boolean) {
    this.#file = file;
    this.#order = order;
  }

  async listen(path: string): Promise<void> {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      if (this.#waiting.push(socket) > MOST_WAITING) this.#waiting.pop()?.destroy();
      this.#next();
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, resolve);
    });
    server.unref();
  }

  /** The VMM has done as it was told, or refused. */
  async drawn(done: boolean): Promise<void> {
    if (this.#drawing === undefined) return;
    clearTimeout(this.#drawing);
    const picture = done ? await contentOf(this.#file) : undefined;
    await rm(this.#file, { force: true });
    this.#drawing = undefined;
    this.#waiting.shift()?.end(picture ?? "");
    this.#next();
  }

  #next(): void {
    if (this.#drawing !== undefined || this.#waiting.length === 0) return;
    this.#drawing = setTimeout(() => void this.drawn(false), DRAWN_WITHIN_MS);
    if (!this.#order(this.#file)) void this.drawn(false);
  }
}

async function contentOf(path: string): Promise<Buffer | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    () => undefined,
  );
  try {
    const found = await file?.stat();
    return found?.isFile() === true && found.size <= LIMIT_BYTES ? await file?.readFile() : undefined;
  } finally {
    await file?.close();
  }
}
