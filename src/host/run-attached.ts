/**
 * Runs a program with our own terminal and streams, and waits for its end.
 *
 * Keys such as Ctrl-C reach it by the terminal; the caller sees to it that they do not end this process.
 *
 * Invariants
 * - A stream that is a file is handed on as a pipe, never as the file: through /proc/self/fd a program opens what it was
 *   handed once more, for reading and writing alike, with all that is in it.
 * - A stream that is a folder is handed on to nobody: its parent would be one step away.
 */
import { spawn } from "node:child_process";
import { createReadStream, fstatSync } from "node:fs";
import { constants } from "node:os";

export interface AttachedOptions {
  readonly environment: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** What it prints goes to our standard error: the other stream is for an answer of ours. */
  readonly outputToError?: boolean;
  /** Called when we are asked to end, with the way to send the program a signal. */
  readonly onEndAsked: (send: (signal: NodeJS.Signals) => void) => void;
}

const STREAMS = ["standard input", "standard output", "standard error"] as const;

/** The name of a stream of ours that no app may be handed; undefined where all may. */
export function unfitStream(): string | undefined {
  return STREAMS.find((_, descriptor) => typeOf(descriptor) === "folder");
}

/** @returns the exit code, 128 + n after signal n; 125 where it could not be started */
export async function runAttached(argv: readonly string[], options: AttachedOptions): Promise<number> {
  const [program, ...rest] = argv;
  if (program === undefined) throw new Error("nothing to run");
  const unfit = unfitStream();
  if (unfit !== undefined) throw new Error(`${unfit} is a folder`);
  const way = (descriptor: number) => (typeOf(descriptor) === "file" ? "pipe" : "inherit");
  return await new Promise((resolve) => {
    const output = options.outputToError === true ? "pipe" : way(1);
    const child = spawn(program, rest, { stdio: [way(0), output, way(2)], env: { ...options.environment } });
    if (child.stdin !== null) {
      // A program may end without reading its input.
      child.stdin.on("error", () => {});
      const input = createReadStream("", { fd: 0, autoClose: false });
      input.on("error", () => child.stdin?.end());
      input.pipe(child.stdin);
    }
    child.stdout?.pipe(options.outputToError === true ? process.stderr : process.stdout, { end: false });
    child.stderr?.pipe(process.stderr, { end: false });
    const endAsked = () => options.onEndAsked((signal) => void child.kill(signal));
    options.signal.addEventListener("abort", endAsked, { once: true });
    // Asked between the caller's last look and now.
    if (options.signal.aborted) endAsked();
    child.once("error", () => resolve(125));
    child.once("close", (code, signal) => {
      options.signal.removeEventListener("abort", endAsked);
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}

function typeOf(descriptor: number): "folder" | "file" | "other" {
  try {
    const about = fstatSync(descriptor);
    return about.isDirectory() ? "folder" : about.isFile() || about.isBlockDevice() ? "file" : "other";
  } catch {
    // It is closed.
    return "other";
  }
}
