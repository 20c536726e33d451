/**
 * Address class: where an IP address leads, as far as the address itself says so.
 *
 * From IANA's special-purpose registries. What is not listed is public. An address that carries an IPv4 address is what
 * that one is, where machines do translate it, and unusable where nobody should.
 */
import { type IpAddress, type IpRange, isInRange, parseIpRange, rangesMeet } from "./ip-address.ts";

export type AddressClass =
  | "public"
  | "loopback"
  /** Private, shared and unique local ranges. */
  | "private"
  | "link-local"
  /** Where cloud machines are told their secrets. Named by itself or not reached. */
  | "metadata"
  /** Skerry's own, in which names get their addresses. */
  | "own"
  /** Multicast, broadcast, reserved, or a form that hides another address. */
  | "unusable";

/** Names get their addresses from these (RFC 2544; the other is a unique local prefix that nobody else has drawn). */
export const NAME_RANGE_4 = rangeOf("198.18.0.0/15");
export const NAME_RANGE_6 = rangeOf("fd53:6b65:7279::/48");

/** The first that fits counts. */
const CLASSES: readonly (readonly [AddressClass, readonly IpRange[]])[] = [
  ["own", [NAME_RANGE_4, NAME_RANGE_6]],
  [
    "metadata",
    ["169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254"].map(
      rangeOf,
    ),
  ],
  ["loopback", ["127.0.0.0/8", "::1"].map(rangeOf)],
  ["link-local", ["169.254.0.0/16", "fe80::/10"].map(rangeOf)],
  [
    "private",
    [
      ...["10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16"],
      ...["64:ff9b:1::/48", "fc00::/7", "fec0::/10"],
    ].map(rangeOf),
  ],
  [
    "unusable",
    [
      ...["0.0.0.0/8", "192.88.99.0/24", "224.0.0.0/4", "240.0.0.0/4"],
      // Forms that carry an IPv4 address (RFC 4291, 4380, 3056, 2765), discard-only, benchmarking, multicast.
      ...["::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "2001::/32", "2002::/16", "100::/64", "2001:2::/48", "ff00::/8"],
    ].map(rangeOf),
  ],
];

/** IPv4 as it appears on a socket that serves both families. */
const MAPPED = rangeOf("::ffff:0:0/96");

/** Where networks without IPv4 translate to it (RFC 6052). */
const TRANSLATED = rangeOf("64:ff9b::/96");

/** An IPv4 address that is written as an IPv6 one, as itself; any other as it is. */
export function unmapped(ip: IpAddress): IpAddress {
  return isInRange(ip, MAPPED) ? { family: 4, bits: ip.bits & 0xffff_ffffn } : ip;
}

export function classOf(address: IpAddress): AddressClass {
  const ip = carriedBy(address);
  return CLASSES.find(([, ranges]) => ranges.some((range) => isInRange(ip, range)))?.[0] ?? "public";
}

/** The IPv4 address that an IPv6 address is translated to, or stands for; else the address itself. */
export function carriedBy(address: IpAddress): IpAddress {
  const ip = unmapped(address);
  return isInRange(ip, TRANSLATED) ? { family: 4, bits: ip.bits & 0xffff_ffffn } : ip;
}

export function rangesOfClass(wanted: AddressClass): readonly IpRange[] {
  return CLASSES.flatMap(([name, ranges]) => (name === wanted ? ranges : []));
}

/** The class that all addresses of a range have, or undefined where they differ. */
export function classOfRange(range: IpRange): AddressClass | undefined {
  const own = classOf(range);
  if (own === "public") {
    const touched = CLASSES.some(([, ranges]) =>
      ranges.some((one) => one.prefix > range.prefix && isInRange(one, range)),
    );
    return touched ? undefined : "public";
  }
  const whole = CLASSES.some(([name, ranges]) =>
    ranges.some((one) => name === own && one.prefix <= range.prefix && isInRange(range, one)),
  );
  return whole ? own : undefined;
}

/** Every class that an address of a range may have: of a range of several classes rather one too many. */
export function classesIn(range: IpRange): readonly AddressClass[] {
  const whole = classOfRange(range);
  if (whole !== undefined) return [whole];
  const touched = CLASSES.filter(([, ranges]) => ranges.some((one) => rangesMeet(one, range)));
  return [...touched.map(([name]) => name), "public"];
}

function rangeOf(text: string): IpRange {
  const range = parseIpRange(text);
  if (range === undefined) throw new Error(`${text} is no range`);
  return range;
}
