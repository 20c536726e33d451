/**
 * Inside: runs a list of commands in the namespaces that it was started in. A program of its own (see run-inside.ts).
 *
 * It dies with the process that started it, and what it starts dies with it (bubblewrap is told so). Commands come as JSON on
 * standard input; events go as JSON lines to standard output. It decides nothing: the first command that fails ends it.
 *
 * Invariants
 * - Argument lists only; each command has the environment that was named for it and no other.
 * - What is kept of a command's output is bounded.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import type { InsideCommand } from "../step/index.ts";
import type { InsideEvent } from "./inside-events.ts";
import { KEPT_OUTPUT_BYTES, KEPT_WORDS_BYTES } from "./inside-events.ts";

function say(event: InsideEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

interface End {
  readonly code: number;
  readonly output: string;
  readonly words: string;
}

async function run(command: InsideCommand): Promise<End> {
  const words = new Tail(KEPT_WORDS_BYTES);
  const output: Buffer[] = [];
  let outputBytes = 0;
  const source = command.source === undefined ? undefined : start(command.source, command.environment, "ignore");
  const child = start(command.argv, command.environment, source?.stdout ?? "ignore");
  // The reader holds the pipe now; our own copy would keep a writer alive after its reader has gone.
  source?.stdout?.destroy();
  source?.stderr?.on("data", (piece: Buffer) => words.add(piece));
  child.stderr?.on("data", (piece: Buffer) => words.add(piece));
  child.stdout?.on("data", (piece: Buffer) => {
    if (command.capture === undefined) {
      words.add(piece);
      return;
    }
    outputBytes += piece.length;
    if (outputBytes > KEPT_OUTPUT_BYTES) child.kill("SIGKILL");
    else output.push(piece);
  });
  const codes = await Promise.all([ended(child, words), source === undefined ? 0 : ended(source, words)]);
  return {
    code: codes.find((code) => code !== 0) ?? 0,
    output: Buffer.concat(output).toString("utf8"),
    words: words.text(),
  };
}

function start(
  argv: readonly [string, ...string[]],
  env: Readonly<Record<string, string>>,
  stdin: "ignore" | NodeJS.ReadableStream,
) {
  const [program, ...rest] = argv;
  // Node's types want one exact stream type for a descriptor that is handed on; any readable pipe serves.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return spawn(program, rest, { env: { ...env }, stdio: [stdin as "ignore", "pipe", "pipe"] });
}

async function ended(child: ChildProcess, words: Tail): Promise<number> {
  return await new Promise((resolve) => {
    child.once("error", (error) => {
      words.add(Buffer.from(`${error.message}\n`));
      resolve(127);
    });
    child.once("close", (code, signal) => resolve(code ?? (signal === null ? 1 : 128)));
  });
}

/** Keeps the last bytes of what it is given. */
class Tail {
  readonly #limit: number;
  #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    if (this.#bytes > 2 * this.#limit) {
      this.#pieces = [Buffer.concat(this.#pieces).subarray(-this.#limit)];
      this.#bytes = this.#limit;
    }
  }

  text(): string {
    return Buffer.concat(this.#pieces).subarray(-this.#limit).toString("utf8");
  }
}

// Whoever ends the build need not wait: with this process all that it started is gone.
process.on("SIGTERM", () => process.exit(143));
try {
  // No namespaces within: there a script would have rights again that it was not given.
  writeFileSync("/proc/sys/user/max_user_namespaces", "0");
} catch {
  // Kernels without the setting; the rights that are not given are the wall.
}

async function runAll(commands: readonly InsideCommand[]): Promise<void> {
  for (const [index, command] of commands.entries()) {
    say({ kind: "started", index });
    const end = await run(command);
    if (end.code !== 0) {
      say({ kind: "failed", index, code: end.code, words: end.words });
      process.exit(1);
    }
    if (command.capture !== undefined) say({ kind: "captured", name: command.capture, text: end.output });
  }
}

void runAll(JSON.parse(readFileSync(0, "utf8")));
