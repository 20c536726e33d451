/**
 * Runs one program to its end: the one place from which Skerry starts host programs whose end it waits for.
 *
 * It is not for compartments (they outlive their starter) and it knows no shell: a program is an argument list.
 *
 * Invariants
 * - The environment is what the caller names, or the small clean one below; never all of ours by accident.
 * - Captured output has a limit, and so has the time where the caller sets one. What passes a limit is killed with its
 *   whole process group: first asked, then made to.
 * - A program that fails is an answer (`code`), not a fault. One that cannot be started is a problem.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import { StringDecoder } from "node:string_decoder";
import { type Result, refusal, success, unreachable } from "../result.ts";

export interface RunOptions {
  /** Written to its standard input, which is then closed. Without it the input is empty. */
  readonly input?: string | Uint8Array;
  /** Whole milliseconds until it is killed; none without it. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Kept of standard output and of standard error, each. What goes beyond ends the program. */
  readonly maxOutputBytes?: number;
  /** All of its environment. Without it: PATH, HOME, LANG=C.UTF-8 and nothing else. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly directory?: string;
  /** An open file that it gets as its descriptor 3. */
  readonly descriptor?: number;
  /**
   * `all` hands it our own terminal (and it stays in our process group, so that Ctrl-C reaches it);
   * `output` passes only what it prints. Nothing is captured of what is handed on.
   */
  readonly inherit?: "none" | "output" | "all";
  /** Called with each piece of its output, for progress. Not called for what is handed on. */
  readonly onOutput?: (stream: "stdout" | "stderr", text: string) => void;
}

export interface RunEnd {
  /** Exit code; 128 + n after signal n, as a shell counts. */
  readonly code: number;
  readonly signal: NodeJS.Signals | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export type RunProblem =
  | { readonly kind: "not-found"; readonly program: string }
  | { readonly kind: "not-executable"; readonly program: string; readonly detail: string }
  | { readonly kind: "timed-out"; readonly program: string; readonly afterMs: number; readonly stderr: string }
  | { readonly kind: "interrupted"; readonly program: string }
  | { readonly kind: "too-much-output"; readonly program: string; readonly limitBytes: number };

/** Bytes kept of each stream when the caller says nothing. */
export const OUTPUT_LIMIT_BYTES = 16 * 1024 * 1024;

/** Between asking a program to end and making it. */
const GRACE_MS = 1000;

/** What every Debian system has its tools in; sbin too, since nft(8) and others live there. */
export const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Problems
 * - `not-found`, `not-executable`: it did not start
 * - `timed-out`, `interrupted`, `too-much-output`: it was killed, with all that it had started in its process group
 *
 * @example
 * await runProgram(["/usr/bin/true"]) // { ok: true, value: { code: 0, ... } }
 */
export async function runProgram(
  argv: readonly [string, ...string[]],
  options: RunOptions = {},
): Promise<Result<RunEnd, RunProblem>> {
  const [program, ...rest] = argv;
  const inherit = options.inherit ?? "none";
  const limitBytes = options.maxOutputBytes ?? OUTPUT_LIMIT_BYTES;
  if (options.signal?.aborted === true) return refusal({ kind: "interrupted", program });
  const output = inherit === "none" ? "pipe" : "inherit";
  const input = inherit === "all" ? "inherit" : options.input === undefined ? "ignore" : "pipe";

  return await new Promise((resolve) => {
    let stopped: RunProblem | undefined;
    let started: RunProblem | undefined;
    const kept = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
    const child = spawn(program, rest, {
      stdio: [input, output, output, ...(options.descriptor === undefined ? [] : [options.descriptor])],
      // A group of its own, so that all that it starts can be ended with it.
      detached: inherit !== "all",
      env: definedOf(options.environment ?? cleanEnvironment()),
      ...(options.directory === undefined ? {} : { cwd: options.directory }),
    });
    const stop = (problem: RunProblem) => {
      if (stopped !== undefined) return;
      stopped = problem;
      killGroup(child, inherit !== "all", "SIGTERM");
      force = setTimeout(() => killGroup(child, inherit !== "all", "SIGKILL"), GRACE_MS);
    };
    let force: NodeJS.Timeout | undefined;
    const text = (stream: "stdout" | "stderr") => Buffer.concat(kept[stream]).toString("utf8");
    const timer =
      options.timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            stop({ kind: "timed-out", program, afterMs: options.timeoutMs ?? 0, stderr: text("stderr").slice(-2000) });
          }, options.timeoutMs);
    const onAbort = () => stop({ kind: "interrupted", program });
    options.signal?.addEventListener("abort", onAbort, { once: true });

    for (const stream of ["stdout", "stderr"] as const) {
      let keptBytes = 0;
      // A character may come in two pieces.
      const decoder = new StringDecoder("utf8");
      child[stream]?.on("data", (piece: Buffer) => {
        if (stopped !== undefined) return;
        keptBytes += piece.length;
        if (keptBytes > limitBytes) {
          stop({ kind: "too-much-output", program, limitBytes });
          return;
        }
        kept[stream].push(piece);
        options.onOutput?.(stream, decoder.write(piece));
      });
    }
    // A program may end without reading its input; that is its right, and no fault of ours.
    child.stdin?.on("error", () => {});
    if (options.input !== undefined) child.stdin?.end(options.input);

    child.on("error", (error: NodeJS.ErrnoException) => {
      if (child.pid !== undefined) return;
      started =
        error.code === "ENOENT"
          ? { kind: "not-found", program }
          : { kind: "not-executable", program, detail: error.code ?? error.message };
      finish(127, undefined);
    });
    // "exit" may come before the last output, and "close" never while a grandchild holds a pipe: after a stop, "exit" ends it.
    child.on("exit", (code, signal) => {
      if (stopped !== undefined) finish(code, signal ?? undefined);
    });
    child.on("close", (code, signal) => finish(code, signal ?? undefined));

    const finish = (code: number | null, signal: NodeJS.Signals | undefined) => {
      clearTimeout(timer);
      clearTimeout(force);
      options.signal?.removeEventListener("abort", onAbort);
      if (stopped !== undefined) killGroup(child, inherit !== "all", "SIGKILL");
      child.stdout?.destroy();
      child.stderr?.destroy();
      const problem = started ?? stopped;
      if (problem !== undefined) resolve(refusal(problem));
      else
        resolve(success({ code: code ?? exitCodeOf(signal), signal, stdout: text("stdout"), stderr: text("stderr") }));
    };
  });
}

/** 128 + n, as a shell counts. */
function exitCodeOf(signal: NodeJS.Signals | undefined): number {
  return signal === undefined ? 1 : 128 + constants.signals[signal];
}

function killGroup(child: ChildProcess, ownGroup: boolean, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(ownGroup ? -child.pid : child.pid, signal);
  } catch {
    // Gone already: what was wanted.
  }
}

/** What a host tool needs to run and speak in a way that can be read by a program. */
export function cleanEnvironment(): Readonly<Record<string, string | undefined>> {
  return { PATH: SYSTEM_PATH, HOME: process.env["HOME"], LANG: "C.UTF-8" };
}

function definedOf(environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

/** One line for a person. */
export function describeRunProblem(problem: RunProblem): string {
  switch (problem.kind) {
    case "not-found":
      return `${problem.program} is not installed`;
    case "not-executable":
      return `${problem.program} cannot be started (${problem.detail})`;
    case "timed-out":
      return `${problem.program} did not end within ${problem.afterMs / 1000} s and was stopped`;
    case "interrupted":
      return `${problem.program} was interrupted`;
    case "too-much-output":
      return `${problem.program} printed more than ${problem.limitBytes} bytes and was stopped`;
    default:
      return unreachable(problem);
  }
}
