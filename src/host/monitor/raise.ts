/** Raise: makes the sockets of a machine's streams and starts its VMM, which connects to all of them. */
import { type ChildProcess, spawn } from "node:child_process";
import { type Listening, listenOnce, Tail } from "./streams.ts";

/** Of the VMM's own words, kept for a machine that fails. */
const TAIL_BYTES = 4096;

/** Of a machine with an app of ours; `port` is the channel. One that others are copied from, and a copy, has `go` as well. */
export const STREAMS = ["port", "console", "qmp"] as const;

/** Of a machine that is a whole system: a way for its own words and its journal besides. */
export const SYSTEM_STREAMS = [...STREAMS, "control", "out"] as const;

export type StreamName = (typeof STREAMS)[number] | (typeof SYSTEM_STREAMS)[number] | "go" | "card";

export interface Raised {
  readonly stream: (name: StreamName) => Listening;
  readonly vmm: ChildProcess;
  /** How the VMM ended, once it has. */
  readonly ended: Promise<string>;
  readonly programWords: Tail;
  /** Ends it, and frees all places. */
  readonly drop: () => Promise<void>;
}

/** @param folder - in which the sockets are made */
export async function raise(
  folder: string,
  [program = "", ...words]: readonly string[],
  names: readonly StreamName[],
): Promise<Raised> {
  const listening = new Map<StreamName, Listening>();
  for (const name of names) listening.set(name, await listenOnce(`${folder}/${name}`));
  const programWords = new Tail(TAIL_BYTES);
  // In a session of its own: Ctrl-C is for the app, and would end the machine.
  const vmm = spawn(program, words, { stdio: ["ignore", "ignore", "pipe"], detached: true });
  vmm.stderr?.on("data", (piece: Buffer) => programWords.add(piece));
  const ended = new Promise<string>((resolve) => {
    vmm.once("error", (error) => resolve(error.message));
    vmm.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  const stream = (name: StreamName) => {
    const found = listening.get(name);
    if (found === undefined) throw new Error(`no stream ${name}`);
    return found;
  };
  const drop = async () => {
    vmm.kill("SIGKILL");
    await ended;
    for (const one of listening.values()) one.close();
  };
  return { stream, vmm, ended, programWords, drop };
}
