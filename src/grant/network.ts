/**
 * Network: what an answer lets through of a network, in neutral words, and what a rule asks for that cannot be kept.
 *
 * Wide rules are not refused: they are the owner's word. What they mean is said.
 */
import {
  type CardGrant,
  classOf,
  type Contribution,
  type Grant,
  isByName,
  LEARN_RULE,
  type NetworkRule,
  type NetworkTarget,
  parseIp,
  whyNotTold,
  widthOf,
} from "../model/index.ts";
import { unreachable } from "../result.ts";

interface NetworkGets {
  readonly gets: string;
  readonly contributions: readonly Contribution[];
  readonly warnings: readonly string[];
}

/** Rules that `describe` spells out; the rest is counted. */
const RULES_SHOWN = 20;

/** Shorter prefixes hold more addresses than one network has. */
const WIDE_PREFIX = { 4: 16, 6: 48 } as const;

/** @param request - the request's name */
export function networkGets(request: string, grant: Grant): NetworkGets {
  if (grant.answer === "empty") {
    const contributions = [{ kind: "named-network", request, rules: [], empty: true }] as const;
    return { gets: "a network in which names resolve and nothing answers", contributions, warnings: [] };
  }
  if (grant.answer === "subset" || grant.answer === "ask") {
    const rules = [...(grant.rules ?? []), ...(grant.answer === "ask" ? [ASK_FOR_ALL] : [])];
    const shown = rules.slice(0, RULES_SHOWN).map(ruleWords);
    const more = rules.length > shown.length ? ` and ${rules.length - shown.length} more` : "";
    return {
      gets: `only ${shown.join("; ")}${more}`,
      contributions: [{ kind: "named-network", request, rules }],
      warnings: rules.flatMap((rule) => widthOfRule(rule).map((text) => `${request}: ${text}`)),
    };
  }
  const zones = grant.allow ?? [];
  const besides = zones.length === 0 ? "neither this host nor private networks" : `also ${zones.join(" and ")}`;
  return { gets: `the internet, ${besides}`, contributions: [{ kind: "network", zones }], warnings: [] };
}

/** The same by the machine of a provider, which tells ways apart by address or name, and by port. */
export function portGets(request: string, grant: Grant, through: string): NetworkGets {
  const plain = networkGets(request, grant);
  const zones = grant.allow ?? [];
  const rules = grant.answer === "subset" ? { rules: grant.rules ?? [] } : {};
  return {
    gets: `${plain.gets}, through ${through}`,
    contributions: [{ kind: "port", request, through, zones, ...rules }],
    warnings: plain.warnings,
  };
}

/** A card of the host's: what is at the other end of its cable is reached, whatever that is. */
export function cardGets(request: string, card: CardGrant): NetworkGets {
  return {
    gets: `all that the network card ${card.pci} reaches, which this host has no more while it runs`,
    contributions: [{ kind: "card", request, card }],
    warnings: [
      `${request}: with a card of its own the machine reaches this host and the networks around it, too, and no rule of ours is in between`,
    ],
  };
}

/** Why a rule cannot be kept by a provider's machine beside the others; undefined where it can. */
export function whyNoWay(rule: NetworkRule, rules: readonly NetworkRule[]): string | undefined {
  if (rule.answer === "ask") return "another machine cannot wait for an answer";
  if (rule.answer === "deny") return "a way through another machine is there or not: leave it out";
  if (rule.sameName || rule.bytesPerDay !== undefined || rule.bytesPerSecond !== undefined)
    return "another machine looks at names, addresses and ports alone";
  if (rule.target.kind === "addresses" ? rule.target.family !== 4 : !isByName(rule))
    return "a way through another machine is named by a name, an IPv4 address or a range of them";
  return whyNotTold(rule, rules);
}

/** The answer `ask` for a network as a whole: every name that no rule of it names. */
const ASK_FOR_ALL: NetworkRule = {
  ...{ text: "*", target: { kind: "any-name" }, protocol: "tcp", port: undefined, answer: "ask" },
  ...{ sameName: false, private: false, bytesPerDay: undefined, bytesPerSecond: undefined },
};

/** One rule in words: `TCP port 443 of example.org (same-name, 100000000 bytes a day)`. */
function ruleWords(rule: NetworkRule): string {
  const { protocol, port, target } = rule;
  const options = [
    ...(rule.sameName ? ["TLS for that name only"] : []),
    ...(rule.private ? ["private addresses, too"] : []),
    ...(rule.bytesPerDay === undefined ? [] : [`at most ${rule.bytesPerDay} bytes in 24 hours`]),
    ...(rule.bytesPerSecond === undefined ? [] : [`at most ${rule.bytesPerSecond} bytes a second`]),
    ...(rule.answer === "ask" ? ["asked for when used"] : []),
    ...(rule.answer === "deny" ? ["denied"] : []),
  ];
  const what = `${protocol.toUpperCase()}${port === undefined ? "" : ` port ${port}`} of ${targetWords(target)}`;
  return options.length === 0 ? what : `${what} (${options.join(", ")})`;
}

function targetWords(target: NetworkTarget): string {
  switch (target.kind) {
    case "any-name":
      return "every name";
    case "name":
      return target.name;
    case "names-below":
      return `all names below ${target.suffix}`;
    case "addresses":
      return target.prefix === widthOf(target) ? target.address : `${target.address}/${target.prefix}`;
    case "zone":
      return target.zone === "host" ? "this host" : "private and link-local addresses";
    default:
      return unreachable(target);
  }
}

/** What a rule lets in beyond what its owner may have had in mind. */
function widthOfRule({ text, target, port }: NetworkRule): readonly string[] {
  if (text === LEARN_RULE) return [];
  if (target.kind === "names-below" && !target.suffix.includes("."))
    return [`${text} is every name that ends with .${target.suffix}, whoever owns it`];
  if (target.kind === "zone" && port === undefined) {
    const what = target.zone === "host" ? "every service of this host" : "every device of the local network";
    return [`${text} without a port is ${what}`];
  }
  if (target.kind !== "addresses") return [];
  const ip = parseIp(target.address);
  if (ip !== undefined && target.prefix === widthOf(ip) && classOf(ip) === "metadata")
    return [`${text} is where cloud machines are told their keys`];
  return target.prefix < WIDE_PREFIX[target.family] ? [`${text} is a very wide range of addresses`] : [];
}

/** Why a rule cannot be kept by a network that is made of connections; undefined where it can. */
export function whyRuleNotServed({ protocol, target, port, answer }: NetworkRule): string | undefined {
  if (protocol !== "udp") return undefined;
  if (answer === "ask") return "a datagram cannot wait for an answer: ask goes with TCP";
  if (port === undefined) return "UDP without a port needs the answer real";
  const one = target.kind === "addresses" && target.prefix === widthOf(target);
  if (target.kind === "zone" || (target.kind === "addresses" && !one))
    return "UDP to a range of addresses needs the answer real";
  return undefined;
}
