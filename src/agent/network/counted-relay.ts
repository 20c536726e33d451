/** Counted relay: what has passed between an app and the other side of a connection is added to what is counted of it. */
import type { Socket } from "node:net";
import { type Relayed, relay, type RelayOptions } from "./relay.ts";
import type { Counted } from "./tally.ts";

/** @returns what has passed, once both are closed */
export async function relayCounted(
  app: Socket,
  other: Socket,
  counted: Counted,
  options: RelayOptions,
): Promise<Relayed> {
  const passed = await relay(app, other, options);
  counted.sent += passed.sent;
  counted.received += passed.received;
  return passed;
}
