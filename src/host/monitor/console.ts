/**
 * Console: both ways of a machine's serial line, as two named pipes. A VMM hands on each of its bytes by itself, and a socket
 * holds some 280 of such pieces: when its reader is slow, a firmware waits a second for each text, drops it, and may not
 * start what it would have started. A pipe holds 64 KiB (pipe(7)).
 */
import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { Socket } from "node:net";

const MKFIFO = "/usr/bin/mkfifo";

export interface Console {
  /** What the machine says. It ends once the VMM is gone and `over` was called. */
  readonly said: Socket;
  readonly typed: Socket;
  /** No VMM opens it any more. */
  readonly over: () => void;
}

/** @param path - of the pipes, which the VMM knows as `PATH.in` and `PATH.out`; both are made here */
export function openConsole(path: string): Console {
  execFileSync(MKFIFO, ["--mode=600", `${path}.in`, `${path}.out`]);
  const { O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = constants;
  const said = new Socket({ fd: openSync(`${path}.out`, O_RDONLY | O_NONBLOCK), readable: true, writable: false });
  // Without a writer it would end before the VMM has opened it, and never end where the VMM does not.
  const held = openSync(`${path}.out`, O_WRONLY | O_NONBLOCK);
  // For writing alone it opens only where somebody reads.
  const typed = new Socket({ fd: openSync(`${path}.in`, O_RDWR | O_NONBLOCK), readable: false, writable: true });
  return { said, typed, over: () => closeSync(held) };
}
