/**
 * QMP: QEMU's control stream, spoken as one command after another. Source: qemu-qmp-ref(7).
 *
 * Invariants
 * - QEMU is not believed: a line is one of the few forms of the protocol, short, and answers the command that was given.
 *   Anything else, and silence beyond the limit, ends the conversation for good.
 * - Events are passed over: what has become of the machine is asked.
 */
import type { Socket } from "node:net";

/** The longest answer to what we ask is some hundred bytes. */
const LINE_BYTES_LIMIT = 16 * 1024;

/** Lines that nobody asked for, while one answer is waited for. */
const EVENTS_LIMIT = 1000;

type Values = Readonly<Record<string, unknown>>;

interface Waiting {
  /** Undefined for the greeting, which nobody asks for. */
  readonly id: number | undefined;
  readonly resolve: (answer: Values) => void;
  readonly reject: (why: Error) => void;
}

export class Qmp {
  readonly #socket: Socket;
  #rest = Buffer.alloc(0);
  #waiting: Waiting | undefined;
  #greeting: Values | undefined;
  #closed: Error | undefined;
  #events = 0;
  #begun = false;
  #next = 1;

  static readonly #on = new WeakMap<Socket, Qmp>();

  /** The one conversation on this stream. */
  static on(socket: Socket): Qmp {
    const known = Qmp.#on.get(socket) ?? new Qmp(socket);
    Qmp.#on.set(socket, known);
    return known;
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (piece: Buffer) => this.#read(piece));
    socket.on("error", () => {});
    // Half-open is as good as closed.
    socket.once("end", () => this.#close("it closed the control stream"));
    socket.once("close", () => this.#close("it closed the control stream"));
  }

  /** Takes the greeting and leaves the phase of negotiation, where nobody has done so. */
  async begin(withinMs: number): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#begun) return;
      if (this.#greeting === undefined) await this.#wait(undefined, "greeting", withinMs);
      await this.#executeNow("qmp_capabilities", {}, withinMs);
      this.#begun = true;
    });
  }

  /** @throws where QEMU refuses, ends, says what it must not say, or does not answer in time */
  async execute(command: string, values: Values, withinMs: number): Promise<Values> {
    return await this.#inTurn(async () => await this.#executeNow(command, values, withinMs));
  }

  #turn: Promise<unknown> = Promise.resolve();

  /** Several parts of a monitor speak with the one VMM. */
  async #inTurn<Value>(act: () => Promise<Value>): Promise<Value> {
    const done = this.#turn.then(act);
    this.#turn = done.catch(() => {});
    return await done;
  }

  async #executeNow(command: string, values: Values, withinMs: number): Promise<Values> {
    const id = this.#next++;
    const answer = this.#wait(id, command, withinMs);
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: values, id })}\n`);
    return await answer;
  }

  async #wait(id: number | undefined, what: string, withinMs: number): Promise<Values> {
    if (this.#closed !== undefined) throw this.#closed;
    if (this.#waiting !== undefined) throw new Error("one command at a time");
    this.#events = 0;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<Values>((resolve, reject) => {
        this.#waiting = { id, resolve, reject };
        timer = setTimeout(() => this.#close(`it did not answer to ${what} in time`), withinMs);
      });
    } finally {
      clearTimeout(timer);
    }
  }

  #read(piece: Buffer): void {
    if (this.#closed !== undefined) return;
    this.#rest = Buffer.concat([this.#rest, piece]);
    for (let end = this.#rest.indexOf(10); end !== -1; end = this.#rest.indexOf(10)) {
      const line = this.#rest.subarray(0, end);
      this.#rest = this.#rest.subarray(end + 1);
      if (!this.#take(line)) return;
    }
    if (this.#rest.length > LINE_BYTES_LIMIT) this.#close(ASTRAY);
  }

  /** @returns false where the conversation is over */
  #take(line: Buffer): boolean {
    const said = line.length > LINE_BYTES_LIMIT ? undefined : valuesIn(line.toString("utf8"));
    if (said === undefined) return this.#close(ASTRAY);
    if ("event" in said) return ++this.#events <= EVENTS_LIMIT || this.#close("it did nothing but tell of events");
    if ("QMP" in said) {
      if (this.#greeting !== undefined) return this.#close(ASTRAY);
      this.#greeting = said;
      if (this.#waiting?.id === undefined) this.#settle()?.resolve(said);
      return true;
    }
    const { id } = said;
    if (this.#waiting?.id === undefined || id !== this.#waiting.id) return this.#close(ASTRAY);
    if (isValues(said["return"])) this.#settle()?.resolve(said["return"]);
    else if (isValues(said["error"])) this.#settle()?.reject(new Error(`QEMU: ${String(said["error"]["desc"])}`));
    else return this.#close(ASTRAY);
    return true;
  }

  #settle(): Waiting | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting;
  }

  #close(because: string): false {
    this.#closed ??= new Error(`QEMU: ${because}`);
    this.#settle()?.reject(this.#closed);
    this.#socket.destroy();
    return false;
  }
}

const ASTRAY = "it said what its protocol does not have";

function valuesIn(line: string): Values | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isValues(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isValues(value: unknown): value is Values {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
