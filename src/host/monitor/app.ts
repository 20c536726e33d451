/**
 * App: the machine's own program, as the outer wall sees it. Our standard streams are its streams, our signals are its
 * signals, and a terminal of ours is one of the machine's.
 */
import { spawnSync } from "node:child_process";
import { createWriteStream, fstatSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { type Channel, Feed, pour } from "./channel.ts";

/** Handed on to the app, by name and by number. SIGUSR1 is Node's own. */
const PASSED_ON = { SIGTERM: 15, SIGINT: 2, SIGHUP: 1, SIGQUIT: 3, SIGUSR2: 12 } as const;

const { stdin, stdout, stderr } = process;

/** A device is none for an app that looks what it can read from: only a terminal is one in the machine as well. */
const MODES = [
  stdin.isTTY ? "t" : fstatSync(0).isCharacterDevice() ? "n" : "p",
  stdout.isTTY ? "t" : "p",
  stderr.isTTY ? "t" : "p",
].join("");

/** What is known of an end; `because` where it is not the app's. */
export interface AppEvents {
  begun(): void;
  ended(code: number): void;
  failed(because: string): void;
}

/** Our standard streams as the app's, for the label of its start and the streams that go with it. */
export class App {
  readonly #channel: Channel;
  readonly #events: AppEvents;
  #id: number | undefined;
  #begun = false;
  #code: number | undefined;
  #said = "";
  /** Streams whose ends are to be heard. */
  #open = 0;

  constructor(channel: Channel, events: AppEvents) {
    this.#channel = channel;
    this.#events = events;
    this.#id = channel.open(`main ${MODES} ${size()}`, {
      room: () => {
        if (!this.#begun) this.#begin();
      },
      data: (bytes, passed) => {
        passed();
        this.#said = (this.#said + bytes.toString("latin1")).slice(0, LINE_LIMIT);
        const code = /^exit (0|[1-9]\d{0,2})\n$/.exec(this.#said)?.[1];
        this.#code ??= code === undefined || Number(code) > 255 ? undefined : Number(code);
      },
      end: () => {
        if (this.#code === undefined) events.failed("it said no exit code");
        else this.#over();
      },
      reset: (because) => events.failed(because),
    });
    if (this.#id === undefined) events.failed("no stream");
  }

  /** What was asked for before the app has begun is asked for then. */
  signal(number: number): void {
    this.#ask(`signal ${this.#id} ${number}`);
  }

  /** Signals and the terminal's size, from now on. */
  passOn(): void {
    for (const [name, number] of Object.entries(PASSED_ON)) process.on(name, () => this.signal(number));
    stdout.on("resize", () => this.#ask(`size ${this.#id} ${size()}`));
  }

  readonly #asked: string[] = [];

  #ask(label: string): void {
    if (!this.#begun) this.#asked.push(label);
    else this.#channel.open(label, { room() {}, data() {}, end() {}, reset() {} });
  }

  #begin(): void {
    this.#begun = true;
    this.#events.begun();
    if (MODES[0] === "t") handKeysOver();
    if (MODES[0] !== "n") this.#readFrom(stdin);
    if (MODES[1] === "p") this.#writeTo(stdout, "out");
    if (MODES[2] === "p") this.#writeTo(stderr, "err");
    if (MODES.includes("t")) this.#writeTo(terminal(), "tty");
    for (const label of this.#asked.splice(0)) this.#ask(label);
  }

  #readFrom(source: Readable): void {
    let feed: Feed | undefined;
    source.on("error", () => {});
    const id = this.#channel.open(`in ${this.#id}`, {
      room: () => {
        if (id !== undefined) feed ??= new Feed(this.#channel, id, source);
        feed?.room();
      },
      data() {},
      end() {},
      // The app reads no more.
      reset: () => source.pause(),
    });
  }

  /** A reader who has gone is told to the app as the kernel would: its pipe is broken. */
  #writeTo(sink: Writable, name: string): void {
    this.#open += 1;
    const close = () => {
      this.#open -= 1;
      this.#over();
    };
    const id = this.#channel.open(`${name} ${this.#id}`, {
      room() {},
      data: (bytes, passed) => pour(bytes, sink, passed),
      end: () => sink.write("", close),
      reset: close,
    });
    sink.on("error", () => {
      if (id !== undefined) this.#channel.reset(id);
      close();
    });
  }

  #over(): void {
    if (this.#code !== undefined && this.#open <= 0) this.#events.ended(this.#code);
  }
}

/** `exit` and a number. */
const LINE_LIMIT = 64;

function size(): string {
  const { rows = 24, columns = 80 } = stdout.isTTY ? stdout : {};
  return `${rows} ${columns}`;
}

/** Where what the app says on its terminal is seen. */
function terminal(): Writable {
  return stdout.isTTY ? stdout : stderr.isTTY ? stderr : createWriteStream("", { fd: 0, autoClose: false });
}

/** To a terminal in the machine, which makes lines of them; ours then changes nothing. Node puts it back at our end. */
function handKeysOver(): void {
  stdin.setRawMode(true);
  // Node leaves ends of lines to be made of what comes out.
  spawnSync("/usr/bin/stty", ["-opost"], { stdio: ["inherit", "ignore", "ignore"] });
}
