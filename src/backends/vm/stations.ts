/**
 * Stations: those whose way leads through one provider's machine, and which ways each has. Pure.
 *
 * Each has a number, from which its addresses follow; no two of one provider have the same. Where a frame comes from is
 * held to them by the provider's monitor (host/monitor/hub.ts), so the provider's own filter can go by them.
 */
import {
  type Contribution,
  ipText,
  isByName,
  type NetworkRule,
  type NetworkZone,
  rangesOfClass,
  type AddressClass,
} from "../../model/index.ts";
import { nameSets, nameWays, resolverWays } from "./station-names.ts";

export interface Station {
  readonly name: string;
  readonly number: number;
  readonly zones: readonly NetworkZone[];
  /** Undefined: whatever its provider reaches. */
  readonly rules?: readonly NetworkRule[];
}

export type PortContribution = Extract<Contribution, { readonly kind: "port" }>;

/** The provider itself is 1. */
const PROVIDER_NUMBER = 1;

/** From 2 on. */
export const MOST_STATIONS = 253;

/** Of the shared range (RFC 6598): it leads nowhere, and no name gets an address of it. */
const NETWORK = "100.127.0";

export function stationAddress(number: number): string {
  return `${NETWORK}.${number}`;
}

export const PROVIDER_ADDRESS = stationAddress(PROVIDER_NUMBER);

/** Locally administered. */
export function cardAddress(number: number): string {
  return `02:53:4b:00:00:${number.toString(16).padStart(2, "0")}`;
}

export const PROVIDER_CARD = cardAddress(PROVIDER_NUMBER);

/** The number for a new one, the least that is free; undefined where none is. */
export function freeNumber(stations: readonly Station[]): number | undefined {
  for (let number = PROVIDER_NUMBER + 1; number <= PROVIDER_NUMBER + MOST_STATIONS; number++)
    if (!stations.some((one) => one.number === number)) return number;
  return undefined;
}

/** What the provider's monitor reads (host/monitor/stations.ts). */
export function stationList(stations: readonly Station[]): string {
  const plain = (number: number) => cardAddress(number).replaceAll(":", "");
  const lines = stations.map(({ name, number }) => `${name} ${plain(number)} ${stationAddress(number)}`);
  return `${[`provider ${plain(PROVIDER_NUMBER)}`, ...lines].join("\n")}\n`;
}

/** What does not lead to the internet, besides what leads nowhere at all. */
const LAN: readonly AddressClass[] = ["private", "link-local", "metadata"];
const NOWHERE: readonly AddressClass[] = ["own", "loopback", "unusable"];

/**
 * The provider's filter, in nft's language. Everything in it is a number or ours; no name reaches it. Names are the resolvers'
 * matter, which fill sets (station-names.ts).
 *
 * What is not named is refused, and said to be; answers come back by the connection that they belong to.
 */
export function wayRules(stations: readonly Station[]): string {
  const byName = resolverWays(
    stations.map((one) => ({ ...one, from: stationAddress(one.number) })),
    PROVIDER_ADDRESS,
  );
  const from = stations.map(({ number }) => `    ip saddr ${stationAddress(number)} jump station${number}`);
  const asking = stations.filter(({ rules }) => rules === undefined).map(({ number }) => stationAddress(number));
  const names =
    asking.length === 0 ? [] : [`    iifname "stations" ip saddr { ${asking.join(", ")} } th dport 53 accept`];
  return `${[
    // Made first, so that emptying it cannot fail; all in one transaction. Sets stay with what is in them.
    "table inet skerry",
    "flush table inet skerry",
    "table inet skerry {",
    ...nameSets(stations),
    ...stations.flatMap(chainOf),
    "  chain input {",
    "    type filter hook input priority 0; policy drop;",
    '    iifname "lo" accept',
    "    ct state established,related accept",
    ...names,
    ...byName.let,
    '    iifname "stations" icmp type echo-request accept',
    '    iifname "stations" counter reject with icmpx type admin-prohibited',
    "  }",
    "  chain forward {",
    "    type filter hook forward priority 0; policy drop;",
    "    ct state established,related accept",
    '    iifname != "stations" drop',
    '    oifname != "uplink" counter reject with icmpx type admin-prohibited',
    ...from,
    "    counter reject with icmpx type admin-prohibited",
    "  }",
    "  chain arriving {",
    "    type nat hook prerouting priority dstnat;",
    ...byName.led,
    "  }",
    "  chain leaving {",
    "    type nat hook postrouting priority srcnat;",
    '    oifname "uplink" masquerade',
    "  }",
    "}",
  ].join("\n")}\n`;
}

function chainOf(station: Station): readonly string[] {
  const { number, zones, rules } = station;
  const ways = rules?.filter((one) => !isByName(one)).map(wayOf);
  const all = ways === undefined ? everything(zones) : [...ways, ...nameWays(station)];
  return [`  chain station${number} {`, ...all, "  }"];
}

function everything(zones: readonly NetworkZone[]): readonly string[] {
  const shut = [...NOWHERE, ...(zones.includes("lan") ? [] : LAN)].flatMap(rangesOfClass);
  const ranges = shut.flatMap((range) => (range.family === 4 ? [`${ipText(range)}/${range.prefix}`] : []));
  // Ranges may lie in each other, which a set of nft's would not take.
  return [...ranges.map((range) => `    ip daddr ${range} return`), "    accept"];
}

function wayOf({ target, protocol, port }: NetworkRule): string {
  if (target.kind !== "addresses") throw new Error("only a rule of addresses or names was let through to here");
  const to = `ip daddr ${target.address}/${target.prefix}`;
  return `    ${to} ${port === undefined ? `meta l4proto ${protocol}` : `${protocol} dport ${port}`} accept`;
}
