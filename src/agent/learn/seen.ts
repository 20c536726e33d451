/** Seen: from the tally of a network to targets that rules can name. Pure. */
import { parseAnswerText } from "../../descriptor/index.ts";
import type { NetworkSeen, TargetSeen } from "../../grant/index.ts";
import type { NetworkState } from "../network/networks.ts";

/** @param state - undefined where the run has ended before it had a network */
export function networkSeen(state: NetworkState | undefined): NetworkSeen {
  // A port of a linked instance is let through by the link, and by no answer.
  const through = (state?.counted ?? []).filter(({ allowed, because }) => allowed && !because.startsWith("link to "));
  const named = through.map(({ to, because }) => targetOf(to, because));
  const targets = named.flatMap((target) => target ?? []);
  if (targets.length < named.length) return { targets, unsure: "it reached a name that no rule can name" };
  if ((state?.others ?? 0) > 0) return { targets, unsure: "it reached for more than was recorded one by one" };
  return { targets, unsure: undefined };
}

/** What was not let through, each once; names that do not exist as well. */
export function refusedSeen(state: NetworkState | undefined): readonly string[] {
  return (state?.counted ?? []).filter(({ allowed }) => !allowed).map(({ to, because }) => `${to}: ${because}`);
}

/** `example.org:443/tcp` as a rule of its own. */
function targetOf(to: string, by: string): TargetSeen | undefined {
  const text = to.replace(/\/tcp$/, "");
  // A comma would stand between two rules.
  const parsed = text.includes(",") ? undefined : parseAnswerText(`subset:${text}`, "network", "/");
  const rule = parsed?.ok === true ? parsed.value.rules?.[0] : undefined;
  return rule === undefined ? undefined : { rule, by };
}
