/**
 * Inside network: runs programs of the host in the network of a compartment, with the rights that its wall had over it.
 *
 * Namespaces are held open from the beginning, so that what the network has counted can still be read when the last process
 * in it has ended. Source: nsenter(1), namespaces(7).
 */
import { closeSync, openSync } from "node:fs";
import type { Result } from "../result.ts";
import { isAlive, type ProcessName } from "./processes.ts";
import { type RunEnd, type RunOptions, type RunProblem, runProgram } from "./run-program.ts";

export interface InsideNetwork {
  run(argv: readonly [string, ...string[]], options: RunOptions): Promise<Result<RunEnd, RunProblem>>;
  close(): void;
}

/**
 * @param of - a process of the network whose user namespace owns it
 * @param nsenter - by absolute path
 * @returns undefined where that process has ended
 */
export function openNetwork(of: ProcessName, nsenter: string): InsideNetwork | undefined {
  const files: number[] = [];
  const close = () => {
    for (const file of files.splice(0)) closeSync(file);
  };
  try {
    for (const kind of ["user", "net"]) files.push(openSync(`/proc/${of.pid}/ns/${kind}`, "r"));
  } catch {
    close();
    return undefined;
  }
  // Its number may be another's by now, and what was opened then is that one's.
  if (!isAlive(of)) {
    close();
    return undefined;
  }
  const held = files.map((file) => `/proc/${process.pid}/fd/${file}`);
  // As the wall's own 0, who is this user or the one that root gave way to.
  const into = [`--user=${held[0]}`, `--net=${held[1]}`, "--preserve-credentials", "--setuid", "0"];
  return { run: async (argv, options) => await runProgram([nsenter, ...into, ...argv], options), close };
}
