/**
 * Station names: rules by name of those whose way leads through a provider's machine, as a resolver for each in that machine,
 * and sets of addresses in its filter. Pure.
 *
 * Who may ask by name has a resolver of its own, which no other can ask. It looks up what the rules name and nothing else, and
 * before it answers it puts the addresses into that station's sets, one for each port. The filter lets that station alone
 * reach them, at that port.
 *
 * Each set is there twice. The resolver writes to both, and the provider empties them in turn, every so often; so an address
 * stays for that time at the least since it was told, and for twice as long at the most. No answer is good for longer.
 *
 * Invariants
 * - Text for the resolver and the filter is made of numbers, words of ours, and names that were read as names.
 * - What leads nowhere but to private networks is shut in the filter, whatever a name's owner says of its addresses.
 */
import {
  type AddressClass,
  ipText,
  isByName,
  type NamedWay,
  type NetworkRule,
  namedWays,
  rangesOfClass,
  waysAt,
} from "../../model/index.ts";

/** For how long an answer is good, and how often sets are emptied in turn. */
export const NAMES_EVERY_S = 300;

/** What one machine may have told to it in that time, for one port. */
const ADDRESSES_MOST = 4096;

/** Of the resolver of the station with this number. */
const FIRST_PORT = 5300;

const HALVES = ["a", "b"] as const;

/** Where the provider puts its own name server's address (system-disk.ts). */
const UPSTREAM = "@";

/** What leads nowhere, wherever it is asked from; and what a name may have only where its rule says so. */
const NOWHERE: readonly AddressClass[] = ["own", "loopback", "unusable", "metadata"];
const PRIVATE: readonly AddressClass[] = ["private", "link-local"];

interface Named {
  readonly number: number;
  readonly rules?: readonly NetworkRule[];
}

/** The text that the provider's machine begins a station's resolver with; undefined where it has no rule by name. */
export function resolverText({ name, number, rules = [] }: Named & { readonly name: string }): string | undefined {
  const ways = namedWays(rules);
  if (ways.length === 0) return undefined;
  const sets = setsOf({ number, rules });
  return `${[
    `# ${name}`,
    `# sets ${sets.join(" ")}`,
    `port=${portOf(number)}`,
    ...["interface=stations", "except-interface=lo", "bind-dynamic", "user=nobody", "group=nogroup"],
    ...["no-hosts", "no-resolv", "filter-AAAA"],
    // What it remembered it would not tell the filter again.
    ...["cache-size=0", `max-ttl=${NAMES_EVERY_S}`],
    // What is not named below has no address.
    "address=/#/",
    ...ways.flatMap((one) => [
      one.itself.length > 0 ? `server=/${one.name}/${UPSTREAM}` : `local=/${one.name}/`,
      one.below.length > 0 ? `server=/*.${one.name}/${UPSTREAM}` : `local=/*.${one.name}/`,
      `nftset=/${one.name}/${waysAt(one)
        .flatMap((way) => HALVES.map((half) => `4#inet#skerry#${setOf(number, way)}${half}`))
        .join(",")}`,
    ]),
  ].join("\n")}\n`;
}

/** In the filter: sets, and who is let where by them. */
export function nameSets(stations: readonly Named[]): readonly string[] {
  const sets = stations.flatMap((one) => setsOf(one));
  if (sets.length === 0) return [];
  return [
    ...sets.map((name) => `  set ${name} { type ipv4_addr; size ${ADDRESSES_MOST}; }`),
    ...chainOf("named", [...NOWHERE, ...PRIVATE]),
    ...chainOf("private", NOWHERE),
  ];
}

/** In the chain of a station: what its names lead to. */
export function nameWays({ number, rules = [] }: Named): readonly string[] {
  return [...waysByName(rules)].flatMap(([name, { protocol, port, private: isPrivate }]) =>
    HALVES.map((half) => {
      const at = port === undefined ? `meta l4proto ${protocol}` : `${protocol} dport ${port}`;
      return `    ip daddr @n${number}${name}${half} ${at} jump ${isPrivate ? "private" : "named"}`;
    }),
  );
}

/** To its own resolver a station is led, and to no other one's. @returns lines of the chains for what comes in, in their order */
export function resolverWays(stations: readonly (Named & { readonly from: string })[], at: string) {
  const asking = stations.filter(({ rules = [] }) => rules.some(isByName));
  return {
    led: asking.flatMap(({ number, from }) =>
      ["udp", "tcp"].map(
        (protocol) =>
          `    iifname "stations" ip saddr ${from} ip daddr ${at} ${protocol} dport 53 redirect to :${portOf(number)}`,
      ),
    ),
    let: asking.map(
      ({ number, from }) =>
        `    iifname "stations" ip saddr ${from} meta l4proto { tcp, udp } th dport ${portOf(number)} accept`,
    ),
  };
}

function portOf(number: number): number {
  return FIRST_PORT + number;
}

function setsOf({ number, rules = [] }: Named): readonly string[] {
  return [...waysByName(rules).keys()].flatMap((name) => HALVES.map((half) => `n${number}${name}${half}`));
}

/** Names with the same ways share the sets of those. */
function waysByName(rules: readonly NetworkRule[]): ReadonlyMap<string, NamedWay> {
  const ways = namedWays(rules).flatMap((one) => waysAt(one));
  return new Map(ways.map((way) => [wayName(way), way]));
}

function setOf(number: number, way: NamedWay): string {
  return `n${number}${wayName(way)}`;
}

function wayName({ protocol, port, private: isPrivate }: NamedWay): string {
  return `${protocol}${port ?? "any"}${isPrivate ? "p" : ""}`;
}

function chainOf(name: string, shut: readonly AddressClass[]): readonly string[] {
  const ranges = shut.flatMap(rangesOfClass).filter(({ family }) => family === 4);
  return [
    `  chain ${name} {`,
    ...ranges.map((range) => `    ip daddr ${ipText(range)}/${range.prefix} return`),
    "    accept",
    "  }",
  ];
}
