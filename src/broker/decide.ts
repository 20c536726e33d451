/**
 * Decide: what an app wants to reach against the rules that it was granted. Pure: the same question has the same answer.
 *
 * A connection is decided three times, each time with less left to say: by the name that the app asks for, by name or
 * address with port and protocol, and by the address that the name was resolved to. The agent connects to exactly the
 * address that the last verdict carries.
 *
 * Invariants
 * - What no rule names is refused.
 * - The narrowest rule that names a target decides alone, with its options: a wide rule beside it takes none of them away.
 * - The app's own loopback, Skerry's own range and what is no address of one machine are never reached. This host is
 *   reached by the zone `host`, by a rule for that very address or, but for loopback, by a name that may be private.
 */
import {
  carriedBy,
  classOf,
  classOfRange,
  type IpAddress,
  type IpRange,
  ipText,
  isInRange,
  type NetworkRule,
  narrownessOf,
  parseIp,
  parseIpRange,
  unmapped,
  widthOf,
} from "../model/index.ts";

/** The name by which an app asks for the host itself, where the zone `host` is granted. */
export const HOST_NAME = "host";

export type Refusal =
  /** Nothing names the target. */
  | "no-rule"
  /** The narrowest rule that names the target denies it. */
  | "denied"
  /** A rule names the target, with another port or protocol. */
  | "other-port"
  /** An address, in a place where only names are resolved; or the other way round. */
  | "no-address"
  | "private-address"
  | "link-local-address"
  | "loopback-address"
  | "host-address"
  | "metadata-address"
  | "unusable-address";

export type Verdict =
  | { readonly kind: "allowed"; readonly rule: NetworkRule }
  /** @param rule - the one that came nearest, where there is one */
  | { readonly kind: "refused"; readonly because: Refusal; readonly rule: NetworkRule | undefined };

export type AddressVerdict =
  | {
      readonly kind: "allowed";
      readonly rule: NetworkRule;
      /** What to connect to, and nothing else: an IPv4 address in the form of IPv6 has become one again. */
      readonly address: string;
      readonly family: 4 | 6;
    }
  | { readonly kind: "refused"; readonly because: Refusal; readonly rule: NetworkRule };

/** What an app opens a connection to: a name that was given an address before, or an address of its own choice. */
export interface Wanted {
  readonly target: { readonly name: string } | { readonly address: string };
  readonly port: number;
  readonly protocol: "tcp" | "udp";
}

/**
 * May a name be looked up at all? With any port and protocol: which ones is asked when it is used.
 *
 * @param name - lower case, no dot at the end
 */
export function decideName(rules: readonly NetworkRule[], name: string): Verdict {
  const naming = rules.filter((one) => namesName(one, name));
  // A name that is denied on one port may be allowed on another.
  const rule = narrowest(naming.filter(({ answer }) => answer !== "deny"));
  if (rule !== undefined) return { kind: "allowed", rule };
  return naming.length === 0 ? refused("no-rule") : refused("denied", narrowest(naming));
}

/**
 * Which rule, if any, lets a connection begin?
 *
 * For a name its resolved addresses are yet to be decided by {@link decideAddress}; an address is decided here to its end,
 * and asking again gives the form to connect to.
 *
 * @param hostAddresses - of this host, plain or with their prefix
 */
export function decideConnection(
  rules: readonly NetworkRule[],
  { target, port, protocol }: Wanted,
  hostAddresses: readonly string[],
): Verdict {
  if ("name" in target)
    return fitting(
      rules.filter((one) => namesName(one, target.name)),
      port,
      protocol,
    );
  const ip = parseIp(target.address);
  if (ip === undefined) return refused("no-address");
  const own = hostAddressOf(hostAddresses);
  const verdicts = rules.filter(namesAddresses).map((rule) => ({ rule, because: whyNotAddress(rule, ip, own) }));
  const naming = verdicts.filter(({ because }) => because === undefined).map(({ rule }) => rule);
  if (naming.length > 0) return fitting(naming, port, protocol);
  // A range that holds the address, and does not name where it leads: that is the more useful thing to say.
  const near = verdicts.find(({ because }) => because !== undefined && because !== "no-rule");
  return near === undefined ? refused("no-rule") : refused(near.because ?? "no-rule", near.rule);
}

/**
 * May the connection that a rule allowed go to this address?
 *
 * @param address - what the name was resolved to, or what the app asked for
 */
export function decideAddress(rule: NetworkRule, address: string, hostAddresses: readonly string[]): AddressVerdict {
  const ip = parseIp(address);
  if (ip === undefined) return { kind: "refused", because: "no-address", rule };
  const because = whyNotAddress(rule, ip, hostAddressOf(hostAddresses));
  if (because !== undefined) return { kind: "refused", because, rule };
  const plain = unmapped(ip);
  return { kind: "allowed", rule, address: ipText(plain), family: plain.family };
}

function refused(because: Refusal, rule?: NetworkRule): Verdict {
  return { kind: "refused", because, rule };
}

function fitting(naming: readonly NetworkRule[], port: number, protocol: "tcp" | "udp"): Verdict {
  const fits = naming.filter((rule) => rule.protocol === protocol && (rule.port === undefined || rule.port === port));
  const rule = narrowest(fits);
  if (rule !== undefined) return rule.answer === "deny" ? refused("denied", rule) : { kind: "allowed", rule };
  const near = narrowest(naming);
  return near === undefined ? refused("no-rule") : refused("other-port", near);
}

function namesName({ target }: NetworkRule, name: string): boolean {
  if (target.kind === "any-name") return true;
  if (target.kind === "name") return target.name === name;
  if (target.kind === "names-below")
    return name.endsWith(`.${target.suffix}`) && name.length > target.suffix.length + 1;
  return target.kind === "zone" && target.zone === "host" && name === HOST_NAME;
}

/** An address that an app chose by itself is never taken for one of a name. */
function namesAddresses({ target }: NetworkRule): boolean {
  return target.kind === "addresses" || target.kind === "zone";
}

/** By target, then by port, then by order. */
function narrowest(rules: readonly NetworkRule[]): NetworkRule | undefined {
  return rules.toSorted((left, right) => narrownessOf(right) - narrownessOf(left))[0];
}

type IsHost = (ip: IpAddress) => boolean;

function hostAddressOf(hostAddresses: readonly string[]): IsHost {
  const own = hostAddresses.flatMap((text) => parseIp(text.split("/")[0] ?? "") ?? []);
  return (ip) => own.some((one) => one.family === ip.family && one.bits === ip.bits);
}

/** Why a rule does not let through to an address, which is given in any of its forms; undefined where it does. */
function whyNotAddress(rule: NetworkRule, ip: IpAddress, isHost: IsHost): Refusal | undefined {
  const { target } = rule;
  const plain = unmapped(ip);
  // Where networks without IPv4 translate to it, the address that is meant decides.
  const meant = carriedBy(ip);
  const leads = classOf(ip);
  if (target.kind === "addresses" && !covers(target, plain)) return "no-rule";
  if (leads === "own" || leads === "unusable") return target.kind === "zone" ? "no-rule" : "unusable-address";
  const host = isHost(meant) || isHost(plain);
  if (target.kind === "zone") {
    if (target.zone === "host") return host || leads === "loopback" ? undefined : "no-rule";
    if (host) return "host-address";
    return leads === "private" || leads === "link-local" ? undefined : "no-rule";
  }
  if (target.kind === "addresses") {
    if (leads === "loopback") return "loopback-address";
    const alone = target.prefix === widthOf(target);
    if (alone) return undefined;
    if (host) return "host-address";
    if (leads === "metadata") return "metadata-address";
    // A range that lies within private ones names them; one that merely holds them does not.
    const range = rangeOf(target);
    return leads === "public" || (range !== undefined && classOfRange(range) === leads)
      ? undefined
      : `${leads}-address`;
  }
  if (leads === "loopback") return "loopback-address";
  if (leads === "metadata") return "metadata-address";
  if (rule.private) return undefined;
  if (host) return "host-address";
  return leads === "public" ? undefined : `${leads}-address`;
}

type Addresses = Extract<NetworkRule["target"], { readonly kind: "addresses" }>;

function rangeOf({ address, prefix }: Addresses): IpRange | undefined {
  return parseIpRange(`${address}/${prefix}`);
}

function covers(target: Addresses, ip: IpAddress): boolean {
  const range = rangeOf(target);
  return range !== undefined && isInRange(ip, range);
}
