/** Machine: a VMM that the monitor has raised, with its console and its end. */
import { setTimeout as pause } from "node:timers/promises";
import type { Raised } from "./raise.ts";
import { Tail } from "./streams.ts";

/** Ours, when there is no exit code of the app's: the same as the helper's. */
export const FAILED = 125;

/** Of the console, kept for a machine that fails. */
const TAIL_BYTES = 4096;

/** What a VMM that was asked to end may take. */
const ENDS_WITHIN_MS = 5_000;

/** What was said before the machine ended is with us in a moment. */
const HEARD_WITHIN_MS = 1_000;

/** Far above what an emulated machine takes on a host with other work. */
export const BEGINS_WITHIN_MS = 300_000;

export class Machine {
  readonly #raised: Raised;
  readonly #kernelWords = new Tail(TAIL_BYTES);
  readonly #heard: Promise<void>;

  constructor(raised: Raised) {
    this.#raised = raised;
    this.#heard = raised.stream("console").connected.then(async (socket) => {
      socket.on("data", (piece) => this.#kernelWords.add(piece)).on("error", () => {});
      await new Promise<void>((resolve) => socket.once("close", () => resolve()));
    });
  }

  /** What it would still do is of no use to anybody. */
  end(): void {
    const { vmm } = this.#raised;
    vmm.kill("SIGTERM");
    setTimeout(() => vmm.kill("SIGKILL"), ENDS_WITHIN_MS).unref();
  }

  /** Says why there is no exit code of the app's, and ends us. */
  async fail(why: string): Promise<void> {
    // A kernel's last words are said just before the machine's end.
    await Promise.race([this.#heard, pause(HEARD_WITHIN_MS)]);
    const words = this.#raised.programWords.text();
    const said = ["skerry: the virtual machine failed:", why, wayOut(why, words), words, this.#kernelWords.text()];
    process.stderr.write(`${said.filter((text) => text !== "").join("\n")}\n`, () => process.exit(FAILED));
  }
}

/** What the owner can do where this host itself is at its end; QEMU and the kernel say so in these words. */
function wayOut(why: string, words: string): string {
  if (/cannot allocate memory/i.test(words))
    return "this host has not the memory for it: end something else, or write a lower limits.memory";
  // No signal of ours while the app runs.
  return why.includes("(SIGKILL)") ? "somebody killed it, or this host had no memory left for it" : "";
}
