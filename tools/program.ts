/** Programs that the tools start: always by argument list, from node_modules, with the Node that runs the tool. */
import { spawnSync } from "node:child_process";
import { delimiter, dirname, join } from "node:path";

export const ROOT = join(import.meta.dirname, "..");

export interface ProgramEnd {
  readonly ok: boolean;
  /** What it wrote to stdout and stderr, one behind the other. */
  readonly output: string;
}

/** Absolute path of a program that npm installed. */
export function installed(name: string): string {
  return join(ROOT, "node_modules/.bin", name);
}

/** Runs a program to its end, in the project's folder. */
export function runHere(argv: readonly [string, ...string[]]): ProgramEnd {
  const [program, ...rest] = argv;
  // What npm installs begins with `env node`: it must find the Node that is known to fit.
  const PATH = [dirname(process.execPath), process.env["PATH"]].join(delimiter);
  const end = spawnSync(program, rest, {
    cwd: ROOT,
    env: { ...process.env, PATH, FORCE_COLOR: "0" },
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  const output = [end.stdout, end.stderr, end.error?.message].filter((text) => text !== undefined && text !== "");
  return { ok: end.status === 0, output: output.join("\n") };
}
