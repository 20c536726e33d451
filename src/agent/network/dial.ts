/**
 * Dial: a connection to a port on the loopback of a compartment, made in there: by the helper in a container's network, by
 * the control end of a machine in its app's.
 */
import type { Socket } from "node:net";
import { makeSockets, openStream, type ProcessName } from "../../host/index.ts";
import { bufferedOf } from "./reading.ts";

/** Of one compartment at a time: each is a program of its own, and one whose app takes nobody in stays for a while. */
export const DIALS_MOST = 8;

/** A server listens on one of them, or on both. */
const LOOPBACK = ["127.0.0.1", "::1"];

/** Who is connected to. */
export interface Dialled {
  /** The first process behind its wall. */
  readonly child: ProcessName;
  /** Behind that wall is a machine, and the app in it. */
  readonly inMachine: boolean;
}

/** @returns undefined where nothing listens there, or the compartment has ended */
export async function dial(helper: string, { child, inMachine }: Dialled, port: number): Promise<Socket | undefined> {
  for (const address of LOOPBACK) {
    const made = inMachine ? await throughChannel(child, address, port) : await byHelper(helper, child, address, port);
    if (made !== undefined) return made;
  }
  return undefined;
}

/** Whether a server in the machine takes a connection there. */
export async function takesInMachine(child: ProcessName, port: number): Promise<boolean> {
  const made = await dial("", { child, inMachine: true }, port);
  made?.destroy();
  return made !== undefined;
}

async function byHelper(helper: string, of: ProcessName, address: string, port: number): Promise<Socket | undefined> {
  const made = await makeSockets(helper, of, [{ kind: "dial", address, port }]);
  const [handle] = made.ok ? made.value : [];
  return handle === undefined ? undefined : bufferedOf(handle).setNoDelay(true);
}

async function throughChannel(of: ProcessName, address: string, port: number): Promise<Socket | undefined> {
  const opened = await openStream(of, `dial ${address} ${port}`);
  if (!opened.ok) return undefined;
  const { socket } = opened.value;
  socket.on("error", () => {});
  // A Unix socket knows no reset, and Node throws where one is asked for; to the machine a close is one.
  socket.resetAndDestroy = () => socket.destroy();
  return socket;
}
