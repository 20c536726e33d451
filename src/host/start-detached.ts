/** Starts a program that lives on without us: in a session of its own, without a terminal, its words in a file. */
import { spawn } from "node:child_process";
import { closeSync, fstatSync, ftruncateSync, openSync } from "node:fs";

/** A file of words that has become larger begins anew. */
const LOG_LIMIT_BYTES = 1024 * 1024;

export interface Detached {
  /** How it has ended: its exit code, or why it could not be started. Undefined while it runs. */
  readonly ended: () => number | string | undefined;
}

export function startDetached(
  argv: readonly [string, ...string[]],
  options: { readonly log: string; readonly environment: Readonly<Record<string, string | undefined>> },
): Detached {
  const log = openSync(options.log, "a", 0o600);
  let ended: number | string | undefined;
  try {
    if (fstatSync(log).size > LOG_LIMIT_BYTES) ftruncateSync(log);
    const [program, ...rest] = argv;
    const child = spawn(program, rest, {
      detached: true,
      stdio: ["ignore", log, log],
      cwd: "/",
      env: options.environment,
    });
    child.once("error", (error) => {
      ended = error.message;
    });
    child.once("exit", (code, signal) => {
      ended = code ?? signal ?? "no exit code";
    });
    child.unref();
  } finally {
    closeSync(log);
  }
  return { ended: () => ended };
}
