/**
 * Serve streams: listens at a Unix socket of Skerry's own; each connection becomes the standard streams of a program, which
 * lives on without us. What goes over it is read and written by that program and by nobody of ours.
 *
 * Invariant: of one socket only so many programs run at a time, and so many are started in all; others who connect are hung up on.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, closeSync, mkdirSync, openSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { cleanEnvironment } from "./run-program.ts";

/** An app has one for each of its programs with windows. */
const AT_ONCE = 16;

const IN_ALL = 1000;

/** In the folder. */
const NAME = "app";

export interface ServedStreams {
  readonly folder: string;
  readonly name: string;
  /** Nobody connects any more, and what is in the folder goes; what is connected stays. */
  readonly close: () => void;
}

/**
 * @param folder - of Skerry's own; a socket that an earlier one has left in it gives way to this one
 * @param program - what is started for a connection; undefined where it cannot be now
 */
export async function serveStreams(
  folder: string,
  program: () => Promise<readonly [string, ...string[]] | undefined>,
): Promise<ServedStreams> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  rmSync(`${folder}/${NAME}`, { force: true });
  // Beside it: whoever is shown the folder is not shown what those programs say.
  const complaints = `${folder}.complaints`;
  let [now, all] = [0, 0];
  const serve = async (socket: Socket) => {
    if (now >= AT_ONCE || all >= IN_ALL) return;
    now += 1;
    all += 1;
    const argv = await program().catch(() => undefined);
    if (argv === undefined || socket.destroyed) now -= 1;
    else startWith(socket, argv, complaints, () => (now -= 1));
  };
  // Paused, so that no byte is read here.
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    socket.on("error", () => {});
    void serve(socket).finally(() => socket.destroy());
  });
  server.on("error", () => {});
  server.listen(`${folder}/${NAME}`);
  await once(server, "listening");
  chmodSync(`${folder}/${NAME}`, 0o600);
  server.unref();
  const close = () => {
    server.close();
    for (const one of [folder, complaints]) rmSync(one, { recursive: true, force: true });
  };
  return { folder, name: NAME, close };
}

function startWith(socket: Socket, [file, ...rest]: readonly [string, ...string[]], log: string, ended: () => void) {
  const complaints = openSync(log, "w", 0o600);
  try {
    const child = spawn(file, rest, {
      detached: true,
      stdio: [socket, socket, complaints],
      cwd: "/",
      env: cleanEnvironment(),
    });
    child.once("error", ended).once("exit", ended);
    child.unref();
  } finally {
    closeSync(complaints);
  }
}
