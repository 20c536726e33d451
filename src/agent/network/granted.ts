/** Granted: what a compartment's network lets through, and whether a connection that was made under it still may be. */
import { decideConnection, type Wanted } from "../../broker/index.ts";
import type { Contribution, NetworkRule } from "../../model/index.ts";
import { ownAddresses } from "./own-addresses.ts";

/** A port of another instance, under a name of this one's deployment. */
export interface LinkGranted {
  readonly to: string;
  readonly port: number;
  readonly as: string;
}

export interface NetworkGranted {
  readonly links: readonly LinkGranted[];
  /** Of all requests that were answered with rules. */
  readonly rules: readonly NetworkRule[];
  /** Name of the request that a rule is of. */
  readonly requestOf: (rule: NetworkRule) => string;
  /** Names resolve, and nothing answers. */
  readonly empty: boolean;
}

export const NOTHING: NetworkGranted = { rules: [], links: [], requestOf: () => "", empty: false };

/** What the contributions of a start let through; undefined where it has no such network. */
export function grantedIn(contributions: readonly Contribution[]): NetworkGranted | undefined {
  const found = contributions.filter((entry) => entry.kind === "named-network");
  const links = contributions.filter((entry) => entry.kind === "link");
  if (found.length === 0 && links.length === 0) return undefined;
  const requests = new Map(found.flatMap(({ rules, request }) => rules.map((rule) => [rule, request] as const)));
  const requestOf = (rule: NetworkRule) => requests.get(rule) ?? found[0]?.request ?? "";
  return { rules: [...requests.keys()], links, requestOf, empty: found.some(({ empty }) => empty === true) };
}

/** What the app wanted and the rule that let it, or the link. */
export type Made = { readonly wanted: Wanted; readonly rule: NetworkRule } | { readonly link: LinkGranted };

/** Would it be let begin now, as it was begun? A narrower rule may decide by now, and deny it or ask for more. */
export function holds({ rules, links, empty }: NetworkGranted, made: Made): boolean {
  if ("link" in made) return links.some((one) => sameLink(one, made.link));
  const { wanted, rule } = made;
  const verdict = empty ? undefined : decideConnection(rules, wanted, ownAddresses());
  if (verdict?.kind !== "allowed") return false;
  const now = verdict.rule;
  const quota = (now.bytesPerDay ?? rule.bytesPerDay) === rule.bytesPerDay;
  const rate = (now.bytesPerSecond ?? rule.bytesPerSecond) === rule.bytesPerSecond;
  const asked = now.answer === "real" || rule.answer === "ask";
  return quota && rate && asked && (rule.sameName || !now.sameName) && (now.private || !rule.private);
}

function sameLink(one: LinkGranted, other: LinkGranted): boolean {
  return one.to === other.to && one.port === other.port && one.as === other.as;
}
