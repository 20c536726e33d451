/**
 * Network sockets: listeners, connections and datagrams in the network of a compartment, held by this process.
 *
 * The helper makes them there and hands them out over the channel that Node has to its children (helper/README.md,
 * `sockets`). A socket keeps the network that it was made in; no process of ours stays inside.
 */
import { type SendHandle, spawn } from "node:child_process";
import { type Result, refusal, success } from "../result.ts";
import type { ProcessName } from "./processes.ts";

export interface SocketWanted {
  /** `listen`: takes connections to whatever address they were meant for. */
  readonly kind: "listen" | "dial" | "datagrams";
  readonly address: string;
  /** From 1 on. */
  readonly port: number;
}

/** What net.Server, net.Socket and dgram.Socket take over as it is. */
export type SocketHandle = NonNullable<SendHandle>;

export interface SocketsProblem {
  readonly kind: "no-sockets";
  readonly because: string;
}

/** A helper that has not ended by then is stuck; to make sockets takes milliseconds, and to connect may take longer. */
const MOST_MS = 30_000;

const WORDS_LIMIT = 4096;

/**
 * @param of - a process in the network that is meant
 * @returns one handle for each socket, in the same order
 */
export async function makeSockets(
  helper: string,
  of: ProcessName,
  wanted: readonly SocketWanted[],
): Promise<Result<readonly SocketHandle[], SocketsProblem>> {
  const words = wanted.flatMap(({ kind, address, port }) => [kind, address, String(port)]);
  return await new Promise((resolve) => {
    const child = spawn(
      helper,
      ["sockets", "--child", String(of.pid), "--start-ticks", of.startTicks, "--", ...words],
      { stdio: ["ignore", "ignore", "pipe", "ipc"], env: {}, serialization: "json" },
    );
    const handles: SocketHandle[] = [];
    let said = "";
    const finish = (because: string) => {
      clearTimeout(timer);
      if (handles.length === wanted.length) return resolve(success(handles));
      for (const handle of handles) closeHandle(handle);
      resolve(refusal({ kind: "no-sockets", because: said.trim() === "" ? because : said.trim() }));
    };
    const timer = setTimeout(() => child.kill("SIGKILL"), MOST_MS);
    child.stderr?.on("data", (piece) => (said = (said + String(piece)).slice(-WORDS_LIMIT)));
    child.on("message", (_, handle) => {
      if (handle !== undefined && handle !== null) handles.push(handle);
    });
    child.on("error", (error) => finish(error.message));
    // Behind the last message, and behind the last word: after this nothing comes.
    child.on("close", (code, signal) => finish(signal ?? `exit code ${code}`));
  });
}

/** A handle that nobody has taken over. */
function closeHandle(handle: SocketHandle): void {
  if ("close" in handle && typeof handle.close === "function") handle.close();
}
