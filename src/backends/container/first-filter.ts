/**
 * First filter: which connections the kernel lets begin in a network by names. All others it refuses at once, as a host does
 * where nobody listens, and counts them by address and port.
 *
 * The agent decides each connection by itself, whatever the kernel let begin.
 *
 * Invariants
 * - It is never narrower than what the agent would allow: what a rule may lead to is open, also where a narrower rule denies it.
 * - It looks at the beginning of a connection alone: one that is made is not touched when it is changed.
 * - No text of a rule comes into it: addresses and ports are numbers, written anew.
 */
import {
  type Contribution,
  firstOfRange,
  type IpRange,
  ipText,
  NAME_RANGE_4,
  NAME_RANGE_6,
  type NetworkRule,
  parseIpRange,
  rangesOfClass,
} from "../../model/index.ts";
import { RESOLVER_ADDRESS } from "./resolver-address.ts";

const TABLE = "inet skerry";

const CHAIN = "granted";

const NAMES: readonly IpRange[] = [NAME_RANGE_4, NAME_RANGE_6];

/** Where networks without IPv4 translate to it (RFC 6052): the agent goes by the address that is meant. */
const TRANSLATED = rangeOf("64:ff9b::/96");

const LAN: readonly IpRange[] = [...rangesOfClass("private"), ...rangesOfClass("link-local"), TRANSLATED];

/** This host's addresses change while an app runs. */
const ALL: readonly IpRange[] = [rangeOf("0.0.0.0/0"), rangeOf("::/0")];

/** Targets that are counted by themselves in each family; what comes after them is counted together. */
const TARGETS_MOST = 1024;

/** The part of the table that refuses connections, as a start begins with it. */
export function firstFilter(contributions: readonly Contribution[]): readonly string[] {
  return [
    ...[4, 6].map(
      (family) =>
        `set refusedtcp${family} { type ipv${family}_addr . inet_service; flags dynamic; size ${TARGETS_MOST}; counter; }`,
    ),
    "counter refusedtcp { }",
    `chain ${CHAIN} {`,
    ...linesOf(contributions).map((line) => `  ${line}`),
    "}",
    "chain leaving {",
    "  type filter hook output priority filter; policy accept;",
    "  meta l4proto != tcp accept",
    "  tcp flags & (syn | ack) != syn accept",
    "  ip daddr 127.0.0.0/8 accept",
    "  ip6 daddr ::1 accept",
    // The resolver of virtual machines; in a container nobody listens there.
    `  ip daddr ${RESOLVER_ADDRESS} tcp dport 53 accept`,
    `  jump ${CHAIN}`,
    "  counter name refusedtcp",
    "  meta nfproto ipv4 update @refusedtcp4 { ip daddr . tcp dport }",
    "  meta nfproto ipv6 update @refusedtcp6 { ip6 daddr . tcp dport }",
    "  reject with tcp reset",
    "}",
  ];
}

/** What nft is given in a running compartment, so that these contributions hold from then on. All of it or nothing is done. */
export function changedFilter(contributions: readonly Contribution[]): string {
  const lines = [
    // A start from before there was such a chain has none, and is as good without.
    `add chain ${TABLE} ${CHAIN}`,
    `flush chain ${TABLE} ${CHAIN}`,
    ...linesOf(contributions).map((line) => `add rule ${TABLE} ${CHAIN} ${line}`),
  ];
  return `${lines.join("\n")}\n`;
}

function linesOf(contributions: readonly Contribution[]): readonly string[] {
  const open = new Map<string, { readonly range: IpRange; readonly ports: Set<number | undefined> }>();
  const add = (ranges: readonly IpRange[], port: number | undefined) => {
    for (const range of ranges) {
      const key = rangeText(range);
      const known = open.get(key) ?? { range, ports: new Set() };
      known.ports.add(port);
      open.set(key, known);
    }
  };
  for (const link of contributions) if (link.kind === "link") add(NAMES, link.port);
  const networks = contributions.filter((one) => one.kind === "named-network");
  // In an empty network nothing answers, whatever else is granted beside it.
  const rules = networks.some(({ empty }) => empty === true) ? [] : networks.flatMap((one) => one.rules);
  for (const rule of rules)
    if (rule.protocol === "tcp" && rule.answer !== "deny") add(rangesFor(rule.target), rule.port);
  return [...open.values()].map(({ range, ports }) => `${towards(range)}${portsText(ports)} accept`);
}

function rangesFor(target: NetworkRule["target"]): readonly IpRange[] {
  if (target.kind === "zone") return target.zone === "lan" ? LAN : ALL;
  if (target.kind !== "addresses") return NAMES;
  const range = parseIpRange(`${target.address}/${target.prefix}`);
  return range === undefined ? [] : [range];
}

function towards(range: IpRange): string {
  if (range.prefix === 0) return `meta nfproto ipv${range.family}`;
  return `${range.family === 4 ? "ip" : "ip6"} daddr ${rangeText(range)}`;
}

function portsText(ports: ReadonlySet<number | undefined>): string {
  const named = [...ports].filter((port) => port !== undefined);
  if (named.length < ports.size) return "";
  return ` tcp dport { ${named.toSorted((left, right) => left - right).join(", ")} }`;
}

function rangeText(range: IpRange): string {
  return `${ipText(firstOfRange(range))}/${range.prefix}`;
}

function rangeOf(text: string): IpRange {
  const range = parseIpRange(text);
  if (range === undefined) throw new Error(`${text} is no range`);
  return range;
}
