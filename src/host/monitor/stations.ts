/**
 * Stations: the list of those that may have a port at a provider, as the agent writes it. Pure.
 *
 * Ours, but strictly read all the same: a name in it becomes a part of a path.
 */
import type { Station } from "./frames.ts";

/** Addresses of a provider's ports go from 2 to 254. */
const STATIONS_LIMIT = 253;

export interface Stations {
  readonly provider: Buffer;
  readonly stations: readonly Station[];
}

/** Lines: `provider MAC`, then `NAME MAC IPV4` for each. @returns undefined where the text is anything else */
export function readStations(text: string): Stations | undefined {
  const [first, ...lines] = text.split("\n").filter((line) => line !== "");
  const provider = /^provider ([0-9a-f]{12})$/.exec(first ?? "")?.[1];
  if (provider === undefined || lines.length > STATIONS_LIMIT) return undefined;
  const stations: Station[] = [];
  for (const line of lines) {
    const [, name, mac, ipv4] = /^([a-z][a-z0-9-]{0,39}) ([0-9a-f]{12}) ((?:\d{1,3}\.){3}\d{1,3})$/.exec(line) ?? [];
    const numbers = ipv4?.split(".").map(Number) ?? [];
    if (name === undefined || mac === undefined || numbers.some((number) => number > 255)) return undefined;
    if (stations.some((one) => one.name === name)) return undefined;
    stations.push({ name, mac: Buffer.from(mac, "hex"), ipv4: Buffer.from(numbers), ipv6: [] });
  }
  return { provider: Buffer.from(provider, "hex"), stations };
}
