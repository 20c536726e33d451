/**
 * Network: does what an app is granted of a network meet what is asked about?
 *
 * Invariant: `never` is only said where no connection can be both. A name can lead to any address that its owner gives it,
 * so a name and an address meet `perhaps`; two names are two things, though one server may have both.
 */
import {
  type AddressClass,
  classesIn,
  type IpRange,
  isHostName,
  narrownessOf,
  NETWORK_ZONES,
  type NetworkRule,
  type NetworkTarget,
  type NetworkZone,
  parseIpRange,
  rangesMeet,
  unmapped,
  widthOf,
} from "../../model/index.ts";
import { unreachable } from "../../result.ts";

/** What a question names. */
export interface NetworkAsked {
  /** As it was written. */
  readonly text: string;
  readonly target: Exclude<NetworkTarget, { readonly kind: "any-name" }> | { readonly kind: "internet" };
  /** Undefined: any. */
  readonly port: number | undefined;
  readonly protocol: "tcp" | "udp" | undefined;
}

/** What an app is granted. */
export type NetworkPart =
  | { readonly kind: "everything"; readonly zones: readonly NetworkZone[] }
  /** @param beside - all rules of the same network: of those that name a target the narrowest decides */
  | { readonly kind: "rule"; readonly rule: NetworkRule; readonly beside: readonly NetworkRule[] };

export type Meeting = "surely" | "perhaps" | "never";

/**
 * @returns undefined where the text is no target
 *
 * @example
 * parseAsked("*.example.org:443"); parseAsked("[2001:db8::/32]:443"); parseAsked("lan"); parseAsked("internet")
 */
export function parseAsked(text: string): NetworkAsked | undefined {
  const match = /^(\[[^\]]{1,60}\](?:\/\d{1,3})?|[^:[\]]{1,260})(?::(\d{1,5}))?(\/tcp|\/udp)?$/.exec(text);
  const whole = match === null ? targetOf(text) : undefined;
  if (whole !== undefined) return { text, target: whole, port: undefined, protocol: undefined };
  if (match === null) return undefined;
  const [, place = "", digits, suffix] = match;
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined;
  const target = targetOf(place.replaceAll(/[[\]]/g, ""));
  const protocol = suffix === "/udp" ? "udp" : suffix === "/tcp" || port !== undefined ? "tcp" : undefined;
  return target === undefined ? undefined : { text, target, port, protocol };
}

function targetOf(text: string): NetworkAsked["target"] | undefined {
  if (text === "internet") return { kind: "internet" };
  const zone = NETWORK_ZONES.find((one) => one === text);
  if (zone !== undefined) return { kind: "zone", zone };
  const range = parseIpRange(text);
  if (range !== undefined) {
    const [address = ""] = text.split("/");
    return { kind: "addresses", family: range.family, address, prefix: range.prefix };
  }
  const name = text.toLowerCase().replace(/\.$/, "");
  if (name.startsWith("*."))
    return isHostName(`x.${name.slice(2)}`) ? { kind: "names-below", suffix: name.slice(2) } : undefined;
  return isHostName(name) ? { kind: "name", name } : undefined;
}

/** @param asked - undefined: anything at all */
export function meets(part: NetworkPart, asked: NetworkAsked | undefined): Meeting {
  if (part.kind === "everything") return asked === undefined ? "surely" : everythingMeets(part.zones, asked.target);
  const { rule } = part;
  if (
    rule.answer === "deny" ||
    (asked !== undefined && part.beside.some((other) => overrules(other, rule, part.beside, asked)))
  )
    return "never";
  const meeting = asked === undefined ? "surely" : samePort(rule, asked) ? ruleMeets(rule, asked.target) : "never";
  // The owner may still say no.
  return meeting === "surely" && rule.answer === "ask" ? "perhaps" : meeting;
}

/** Whatever is asked about, and could be decided by the one, is decided by the other. */
function overrules(
  other: NetworkRule,
  rule: NetworkRule,
  beside: readonly NetworkRule[],
  asked: NetworkAsked,
): boolean {
  const narrower = narrownessOf(other) - narrownessOf(rule);
  if (narrower < 0 || (narrower === 0 && beside.indexOf(other) >= beside.indexOf(rule))) return false;
  if (other.protocol !== rule.protocol) return false;
  if (other.port !== undefined && other.port !== (rule.port ?? asked.port)) return false;
  return isNames(rule.target) === isNames(other.target) && holdsAll(other.target, rule.target, asked.target);
}

/** Every place that is asked about, and that `rule` can name, is named by `other`. */
function holdsAll(other: NetworkTarget, rule: NetworkTarget, asked: NetworkAsked["target"]): boolean {
  switch (other.kind) {
    case "any-name":
      return asked.kind === "name" || asked.kind === "names-below";
    case "name":
      return asked.kind === "name" && asked.name === other.name;
    case "names-below":
      if (asked.kind === "name") return isBelow(asked.name, other.suffix);
      return asked.kind === "names-below" && (asked.suffix === other.suffix || isBelow(asked.suffix, other.suffix));
    case "zone":
      // What is this host's own is in no other zone.
      return rule.kind === "zone" && rule.zone === other.zone;
    case "addresses": {
      const [range, wanted] = [rangeOfTarget(other), asked.kind === "addresses" ? rangeOfTarget(asked) : undefined];
      if (wanted === undefined || wanted.prefix < range.prefix || !rangesMeet(wanted, range)) return false;
      const [one, ...more] = classesIn(range);
      // A range names neither this host's own addresses nor, where it only holds them, those of another class.
      const whole = range.prefix === widthOf(range) || (rule.kind !== "zone" && more.length === 0);
      return whole && (one === "public" || one === "private" || one === "link-local");
    }
    default:
      return unreachable(other);
  }
}

function isNames({ kind }: NetworkTarget): boolean {
  return kind === "name" || kind === "names-below" || kind === "any-name";
}

function samePort(rule: NetworkRule, { port, protocol }: NetworkAsked): boolean {
  const portFits = rule.port === undefined || port === undefined || rule.port === port;
  return portFits && (protocol === undefined || rule.protocol === protocol);
}

function everythingMeets(zones: readonly NetworkZone[], target: NetworkAsked["target"]): Meeting {
  switch (target.kind) {
    case "internet":
    case "name":
    case "names-below":
      return "surely";
    case "zone":
      return zones.includes(target.zone) ? "surely" : "never";
    case "addresses": {
      const classes = classesIn(rangeOfTarget(target));
      if (classes.includes("public")) return "surely";
      if (zones.includes("lan") && classes.some(isLan)) return "surely";
      // This host's own addresses can be of any class; and some that tell secrets look like any other.
      return zones.includes("host") || classes.includes("metadata") ? "perhaps" : "never";
    }
    default:
      return unreachable(target);
  }
}

function ruleMeets({ target, private: mayBePrivate }: NetworkRule, asked: NetworkAsked["target"]): Meeting {
  switch (target.kind) {
    case "any-name":
      return asked.kind === "zone"
        ? mayBePrivate
          ? "perhaps"
          : "never"
        : asked.kind === "internet"
          ? "surely"
          : "perhaps";
    case "name":
    case "names-below":
      if (asked.kind === "internet") return "surely";
      if (asked.kind === "zone") return mayBePrivate ? "perhaps" : "never";
      if (asked.kind === "addresses")
        return mayBePrivate || classesIn(rangeOfTarget(asked)).includes("public") ? "perhaps" : "never";
      return namesMeet(target, asked) ? "surely" : "never";
    case "addresses":
      return rangeMeets(rangeOfTarget(target), asked);
    case "zone":
      return zoneMeets(target.zone, asked);
    default:
      return unreachable(target);
  }
}

type Names = Extract<NetworkTarget, { readonly kind: "name" | "names-below" }>;

function namesMeet(left: Names, right: Names): boolean {
  if (left.kind === "name") return right.kind === "name" ? left.name === right.name : isBelow(left.name, right.suffix);
  if (right.kind === "name") return isBelow(right.name, left.suffix);
  return left.suffix === right.suffix || isBelow(left.suffix, right.suffix) || isBelow(right.suffix, left.suffix);
}

function isBelow(name: string, suffix: string): boolean {
  return name.endsWith(`.${suffix}`);
}

function rangeMeets(range: IpRange, asked: NetworkAsked["target"]): Meeting {
  switch (asked.kind) {
    case "internet":
      return classesIn(range).includes("public") ? "surely" : "never";
    case "name":
    case "names-below":
      return "perhaps";
    case "addresses":
      return rangesMeet(range, rangeOfTarget(asked)) ? "surely" : "never";
    case "zone":
      return zoneHolds(asked.zone, range);
    default:
      return unreachable(asked);
  }
}

function zoneMeets(zone: NetworkZone, asked: NetworkAsked["target"]): Meeting {
  switch (asked.kind) {
    case "internet":
      return "never";
    case "name":
    case "names-below":
      return "perhaps";
    case "addresses":
      return zoneHolds(zone, rangeOfTarget(asked));
    case "zone":
      return zone === asked.zone ? "surely" : "never";
    default:
      return unreachable(asked);
  }
}

function zoneHolds(zone: NetworkZone, range: IpRange): Meeting {
  const classes = classesIn(range);
  // Where cloud machines are told their keys is named by itself, or not reached.
  if (zone === "lan") return classes.some((one) => isLan(one) && one !== "metadata") ? "surely" : "never";
  // This host's own addresses can be of any class.
  return classes.includes("loopback") ? "surely" : "perhaps";
}

function isLan(one: AddressClass): boolean {
  return one === "private" || one === "link-local" || one === "metadata";
}

/** An IPv4 address in the form of an IPv6 one is what it stands for. */
function rangeOfTarget({ address, prefix }: Extract<NetworkTarget, { readonly kind: "addresses" }>): IpRange {
  const range = parseIpRange(`${address}/${prefix}`);
  if (range === undefined) throw new Error(`an address was let in that is none: ${address}/${prefix}`);
  const plain = prefix === widthOf(range) ? unmapped(range) : range;
  return { ...plain, prefix: plain.family === range.family ? prefix : widthOf(plain) };
}

/** For a person: `example.org:443`, `the internet`. */
export function describePart(part: NetworkPart): string {
  if (part.kind === "rule") return part.rule.text;
  return part.zones.length === 0 ? "the internet" : `the internet, ${part.zones.join(" and ")}`;
}
