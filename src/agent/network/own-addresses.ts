/**
 * Own addresses: those of this host, which every decision asks for. To read them takes as long as to connect, so for a
 * moment what was read is used again; an address that comes or goes counts after that.
 */
import { hostAddresses } from "../../host/index.ts";

const KEPT_MS = 100;

let read: { readonly addresses: readonly string[]; readonly untilMs: number } | undefined;

export function ownAddresses(): readonly string[] {
  const nowMs = performance.now();
  if (read === undefined || nowMs > read.untilMs) read = { addresses: hostAddresses(), untilMs: nowMs + KEPT_MS };
  return read.addresses;
}
