/**
 * Watch opens: what is opened, written, made and removed below a folder, told by inotifywait(1) from outside. Whoever does
 * it: the kernel names the file and not the process.
 *
 * The kernel keeps a limited number of events for who does not read them fast enough, and inotifywait does not say that some
 * were lost. So as long as something happens a mark is opened, one at a time, and comes back in its place among all events: how
 * many came before it says how many were waiting. When that is much of the kernel's limit, or a mark is lost, not all is known.
 *
 * Invariants
 * - Nothing below the folder is touched.
 * - The program ends with this process, however it ends.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type Result, refusal, success } from "../result.ts";
import { type OpensEvent, OpensReader, type OpensSeen } from "./opens-reader.ts";
import { cleanEnvironment } from "./run-program.ts";

export interface OpensWatch {
  /** Once all that has happened until now was told, or it is known that not all will be. Then it has ended. */
  readonly finish: () => Promise<void>;
  readonly close: () => void;
}

export interface WatchHears {
  readonly event: (event: OpensEvent) => void;
  /** Not all is known, and why. */
  readonly unsure: (because: string) => void;
}

export interface WatchPlaces {
  readonly inotifywait: string;
  readonly setpriv: string;
  /** The watched folder, absolute, every link followed. */
  readonly folder: string;
  /** A folder of Skerry's own, which is made and removed again. */
  readonly markFolder: string;
}

interface CannotWatch {
  readonly kind: "cannot-watch";
  readonly because: string;
  readonly fix: string;
}

const EVENTS = "open,modify,attrib,create,delete,move,close_write";

const WORDS_LIMIT = 4096;

/**
 * So much of the kernel's limit may wait, and all is surely there: while one mark is on its way, so many are read at the
 * most; had the limit been reached meanwhile, most of it would still be waiting before the next mark.
 */
const SURE_PART = 0.25;

/** The first mark comes back by then, once everything is watched; an old program may speak another language. */
const BEGIN_WITHIN_MS = 30_000;

/** What has not come back by then never will. */
const FINISH_WITHIN_MS = 30_000;

const LOST = "more was opened at once than could be watched";

/** Resolves when everything is watched; a large tree takes its time. */
export async function watchOpens(
  { inotifywait, setpriv, folder, markFolder }: WatchPlaces,
  hears: WatchHears,
  signal: AbortSignal,
): Promise<Result<OpensWatch, CannotWatch>> {
  const mark = `${markFolder}/mark`;
  mkdirSync(markFolder, { recursive: true, mode: 0o700 });
  writeFileSync(mark, "");
  const words = ["--monitor", "--recursive", "--event", EVENTS, "--format", "%w%f%0%e%0", "--no-newline"];
  const argv = ["--pdeathsig", "KILL", "--", inotifywait, ...words, "--", folder, markFolder];
  const child = spawn(setpriv, argv, { stdio: ["ignore", "pipe", "pipe"], env: cleanEnvironment() });
  const running = new Running(child, { folder, mark, markFolder }, hears);
  const abort = () => running.close();
  signal.addEventListener("abort", abort, { once: true });
  const said = await running.established;
  signal.removeEventListener("abort", abort);
  if (said === undefined) return success(running);
  running.close();
  return refusal({ kind: "cannot-watch", ...reasonOf(said) });
}

class Running implements OpensWatch {
  /** What the program said when it ended before it watched; undefined once it watches. */
  readonly established: Promise<string | undefined>;
  readonly #child: ChildProcess;
  readonly #hears: WatchHears;
  readonly #place: { readonly mark: string; readonly markFolder: string };
  readonly #sureMost: number;
  #waiting = 0;
  #marked = false;
  #ready = false;
  #over = false;
  #lost = false;
  /** The first mark has come back: what was told before is the watching itself. */
  #begun = false;
  #returned: (() => void)[] = [];

  constructor(
    child: ChildProcess,
    place: { readonly folder: string; readonly mark: string; readonly markFolder: string },
    hears: WatchHears,
  ) {
    this.#child = child;
    this.#hears = hears;
    this.#place = place;
    this.#sureMost = queueLimit() * SURE_PART;
    const reader = new OpensReader(place.folder, place.mark);
    this.established = new Promise((resolve) => {
      let said = "";
      child.stderr?.on("data", (piece: Buffer) => {
        // Once it watches, it only speaks of what it cannot watch.
        if (this.#ready) return this.#hears.unsure("a part of what was made meanwhile could not be watched");
        said = (said + String(piece)).slice(-WORDS_LIMIT);
        if (!/^Watches established\.$/m.test(said)) return;
        this.#ready = true;
        const timer = setTimeout(() => resolve("it does not say what it sees"), BEGIN_WITHIN_MS);
        this.#returned.push(() => {
          clearTimeout(timer);
          this.#begun = true;
          resolve(undefined);
        });
        this.#mark();
      });
      child.once("error", (error) => resolve(error.message));
      child.once("close", () => {
        if (this.#ready && !this.#over) this.#hears.unsure("what watches it has ended too early");
        this.#end();
        resolve(said);
      });
    });
    child.stdout?.on("data", (piece: Buffer) => {
      for (const one of reader.push(piece)) {
        if (this.#over) return;
        if (one.kind === "mark") this.#cameBack();
        else if (this.#begun) this.#take(one);
      }
    });
  }

  async finish(): Promise<void> {
    // One mark may be on its way that was opened before the last events; the next one is behind all of them.
    for (let round = 0; round < 2 && !this.#over && !this.#lost; round++) {
      this.#mark();
      const back = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => resolve(false), FINISH_WITHIN_MS);
        this.#returned.push(() => {
          clearTimeout(timer);
          resolve(true);
        });
      });
      if (!back) this.#lose();
    }
    this.close();
  }

  close(): void {
    this.#end();
    this.#child.kill("SIGKILL");
  }

  #end(): void {
    this.#over = true;
    for (const done of this.#returned.splice(0)) done();
    rmSync(this.#place.markFolder, { recursive: true, force: true });
  }

  #take(one: Exclude<OpensSeen, { readonly kind: "mark" }>): void {
    this.#waiting += 1;
    if (this.#waiting > this.#sureMost) this.#lose();
    if (one.kind === "event") this.#hears.event(one.event);
    else this.#hears.unsure("it had words that could not be read");
    this.#mark();
  }

  #lose(): void {
    this.#lost = true;
    this.#hears.unsure(LOST);
    for (const done of this.#returned.splice(0)) done();
  }

  #mark(): void {
    if (this.#marked || this.#over) return;
    this.#marked = true;
    this.#waiting = 0;
    try {
      closeSync(openSync(this.#place.mark, "r"));
    } catch {
      this.#hears.unsure("its mark was taken away");
    }
  }

  #cameBack(): void {
    const busy = this.#waiting > 0;
    this.#marked = false;
    this.#waiting = 0;
    for (const done of this.#returned.splice(0)) done();
    if (busy) this.#mark();
  }
}

function queueLimit(): number {
  const text = readFileSync("/proc/sys/fs/inotify/max_queued_events", "utf8");
  return Number(text);
}

function reasonOf(said: string): Omit<CannotWatch, "kind"> {
  const lines = said.split("\n").filter((line) => line !== "" && !line.startsWith("Setting up watches"));
  const limit = /upper limit on inotify watches/.test(said);
  return {
    because: limit ? "it has more folders than this user may watch" : (lines[0] ?? "inotifywait says nothing"),
    fix: limit
      ? "name a smaller folder, or raise the limit: sysctl fs.inotify.max_user_watches=1000000"
      : "name another folder, or learn a network without --folder",
  };
}
