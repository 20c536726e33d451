/**
 * Learn, network: the smallest rules that let through what a run has reached. Pure.
 *
 * Invariants
 * - A rule names one target and one port that was reached; nothing wider is ever proposed.
 * - What an own rule of the owner's let through keeps that rule's options: a quota, same-name, ask.
 */
import type { Grant, NetworkRule } from "../model/index.ts";
import { type Learned, type LearnedOf, NO_OPTIONS, nothingUsed, unknown } from "./learn.ts";

export interface TargetSeen {
  /** The target as a rule of its own, without options. */
  readonly rule: NetworkRule;
  /** Text of the rule that let it through. */
  readonly by: string;
}

export interface NetworkSeen {
  readonly targets: readonly TargetSeen[];
  /** Why not all is known that was reached; undefined where all is. */
  readonly unsure: string | undefined;
}

/** Rules that one answer may have. */
const RULES_MOST = 200;

/** So many names below one suffix are worth a word. */
const NAMES_WORTH_A_WORD = 8;

/** @param requests - those for a network, in their order; what no rule of another let through is the first one's */
export function learnNetwork(requests: readonly LearnedOf[], seen: NetworkSeen): readonly Learned[] {
  const needed = requests.map((request, index) => ({ request, rules: rulesFor(request, index === 0, requests, seen) }));
  const used = needed.find(({ rules }) => rules.length > 0);
  return needed.map(({ request, rules }) => {
    if (seen.unsure !== undefined) return unknown(request, seen.unsure);
    if (rules.length > RULES_MOST)
      return unknown(request, `it reached ${rules.length} targets, and an answer has ${RULES_MOST} rules at most`);
    if (rules.length > 0) return { request: request.name, grant: subsetOf(request, rules), notes: suffixNotes(rules) };
    // A compartment has one network: what is required beside an answer with rules takes the same.
    if (request.need === "required" && used !== undefined)
      return { request: request.name, grant: subsetOf(used.request, used.rules), notes: [] };
    return nothingUsed(request);
  });
}

function rulesFor(
  request: LearnedOf,
  first: boolean,
  requests: readonly LearnedOf[],
  { targets }: NetworkSeen,
): readonly NetworkRule[] {
  const rules = new Map<string, NetworkRule>();
  for (const { rule, by } of targets) {
    const own = ownRule(request, by);
    const others = requests.some((other) => other !== request && ownRule(other, by) !== undefined);
    if (own !== undefined) rules.set(rule.text, { ...own, ...targetOf(rule) });
    else if (first && !others) rules.set(rule.text, rule);
  }
  return [...rules.values()].toSorted((left, right) => (left.text < right.text ? -1 : 1));
}

function ownRule({ grant }: LearnedOf, text: string): NetworkRule | undefined {
  return (grant?.rules ?? []).find((rule) => rule.text === text && rule.answer !== "deny");
}

function targetOf({ text, target, protocol, port }: NetworkRule) {
  return { text, target, protocol, port };
}

/** What the owner has denied within a wider rule stays written: it is an answer as well. */
function subsetOf({ grant }: LearnedOf, rules: readonly NetworkRule[]): Grant {
  const denied = (grant?.rules ?? []).filter(({ answer }) => answer === "deny");
  return { ...NO_OPTIONS, answer: "subset", rules: [...rules, ...denied] };
}

function suffixNotes(rules: readonly NetworkRule[]): readonly string[] {
  const counts = new Map<string, Set<string>>();
  for (const { target } of rules) {
    if (target.kind !== "name") continue;
    const suffix = suffixOf(target.name);
    counts.set(suffix, (counts.get(suffix) ?? new Set()).add(target.name));
  }
  return [...counts]
    .filter(([suffix, names]) => suffix !== "" && names.size > NAMES_WORTH_A_WORD)
    .map(([suffix, names]) => `${names.size} names are below ${suffix}: *.${suffix} would be shorter, and wider`);
}

/** The part that somebody has registered, as far as one can tell by looking: `example.org`, `example.co.uk`. */
function suffixOf(name: string): string {
  const labels = name.split(".");
  const [second = "", first = ""] = labels.slice(-2);
  const count = first.length === 2 && second.length <= 3 ? 3 : 2;
  return labels.length > count ? labels.slice(-count).join(".") : "";
}
