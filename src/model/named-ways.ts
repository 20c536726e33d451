/**
 * Named ways: what rules by name come to where a resolver tells a packet filter which addresses a name has. Pure.
 *
 * Such a resolver knows a name with all that is below it by its end alone: the longest one that was written decides. So a
 * name and the names below it are opened each or not, but where both are, they have the same ways.
 */
import { type NetworkRule, narrownessOf } from "./network-rule.ts";

export interface NamedWay {
  readonly protocol: "tcp" | "udp";
  /** Undefined: any. */
  readonly port: number | undefined;
  /** The name's addresses may be private ones. */
  readonly private: boolean;
}

export interface NamedWays {
  /** A name that a rule names, or below which it names all. */
  readonly name: string;
  /** None: the name itself stays shut. */
  readonly itself: readonly NamedWay[];
  readonly below: readonly NamedWay[];
}

/** What a resolver writes down for one name in one line. */
const WAYS_MOST = 8;

export function isByName({ target }: NetworkRule): boolean {
  return target.kind === "name" || target.kind === "names-below";
}

/** For each name of the rules, by name. */
export function namedWays(rules: readonly NetworkRule[]): readonly NamedWays[] {
  const names = new Set(rules.flatMap((rule) => endOf(rule) ?? []));
  return [...names].toSorted().map((name) => ({
    name,
    itself: waysOf(rules.filter(({ target }) => namesItself(target, name))),
    below: waysOf(rules.filter(({ target }) => namesBelow(target, name))),
  }));
}

/** The ways that a name has, or those below it where it has none itself. */
export function waysAt({ itself, below }: NamedWays): readonly NamedWay[] {
  return itself.length > 0 ? itself : below;
}

/** Why a rule cannot be told to a resolver beside the others; undefined where it can, or names no name. */
export function whyNotTold(rule: NetworkRule, rules: readonly NetworkRule[]): string | undefined {
  const ways = namedWays(rules).find(({ name }) => name === endOf(rule));
  if (ways === undefined) return undefined;
  const { name, itself, below } = ways;
  const all = [...itself, ...below];
  if (all.some((one) => one.private !== all[0]?.private))
    return `${name}, or a name below it, may have private addresses by one rule and not by another, and another machine cannot tell these apart`;
  if (itself.length > 0 && below.length > 0 && keyOf(itself) !== keyOf(below))
    return `${name} and the names below it have different ports, and another machine cannot tell these names apart: give them the same`;
  return waysAt(ways).length > WAYS_MOST ? `${name} has more than ${WAYS_MOST} ports` : undefined;
}

function endOf({ target }: NetworkRule): string | undefined {
  if (target.kind === "name") return target.name;
  return target.kind === "names-below" ? target.suffix : undefined;
}

function namesItself(target: NetworkRule["target"], name: string): boolean {
  return target.kind === "name"
    ? target.name === name
    : target.kind === "names-below" && name.endsWith(`.${target.suffix}`);
}

function namesBelow(target: NetworkRule["target"], name: string): boolean {
  return target.kind === "names-below" && `.${name}`.endsWith(`.${target.suffix}`);
}

/** One for each protocol and port, as the narrowest rule has it, in the order of their names. */
function waysOf(rules: readonly NetworkRule[]): readonly NamedWay[] {
  const ways = new Map<string, NamedWay>();
  const widestFirst = rules.toSorted((left, right) => narrownessOf(left) - narrownessOf(right));
  for (const { protocol, port, private: isPrivate } of widestFirst)
    ways.set(`${protocol}${port ?? ""}`, { protocol, port, private: isPrivate });
  return [...ways].toSorted(([left], [right]) => (left < right ? -1 : 1)).map(([, way]) => way);
}

function keyOf(ways: readonly NamedWay[]): string {
  return JSON.stringify(ways);
}
