/** Dial: a connection to a port on the loopback of a compartment, made in there. */
import type { Socket } from "node:net";
import { makeSockets, type ProcessName } from "../../host/index.ts";
import { bufferedOf } from "./reading.ts";

/** Of one compartment at a time: each is a program of its own, and one whose app takes nobody in stays for a while. */
export const DIALS_MOST = 8;

/** A server listens on one of them, or on both. */
const LOOPBACK = ["127.0.0.1", "::1"];

/**
 * @param of - a process inside
 * @returns undefined where nothing listens there, or the compartment has ended
 */
export async function dial(helper: string, of: ProcessName, port: number): Promise<Socket | undefined> {
  for (const address of LOOPBACK) {
    const made = await makeSockets(helper, of, [{ kind: "dial", address, port }]);
    const [handle] = made.ok ? made.value : [];
    if (handle === undefined) continue;
    return bufferedOf(handle).setNoDelay(true);
  }
  return undefined;
}
