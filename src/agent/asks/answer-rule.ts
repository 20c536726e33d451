/** Answer rule: an answer for ever, as one rule more in the grant that asked. Pure. */
import { parseAnswerText } from "../../descriptor/index.ts";
import { decideConnection } from "../../broker/index.ts";
import type { Grant, NetworkRule } from "../../model/index.ts";

/**
 * The narrowest rule decides, so what is written for one name and port leaves the rest of a wider rule as it is.
 *
 * @param target - `example.org:443`, as it was asked for
 * @returns undefined where no rule can say it
 */
export function withAnswer(grant: Grant, target: string, allow: boolean): Grant | undefined {
  const parsed = parseAnswerText(`subset:${target}`, "network", "/");
  const [rule] = parsed.ok ? (parsed.value.rules ?? []) : [];
  if (rule === undefined || (grant.answer !== "ask" && grant.answer !== "subset")) return undefined;
  const before = grant.rules ?? [];
  const same = before.findIndex(({ text }) => text === rule.text);
  const answered = { ...rule, ...optionsOf(before, rule), answer: allow ? "real" : "deny" } as const;
  return { ...grant, rules: same < 0 ? [...before, answered] : before.with(same, answered) };
}

/** What stands with the rule that has asked goes for the one that answers. */
function optionsOf(rules: readonly NetworkRule[], { target, port, protocol }: NetworkRule): Partial<NetworkRule> {
  if (target.kind !== "name" || port === undefined) return {};
  const verdict = decideConnection(rules, { target: { name: target.name }, port, protocol }, []);
  if (verdict.rule === undefined) return {};
  const { sameName, private: mayBePrivate, bytesPerDay, bytesPerSecond } = verdict.rule;
  return { sameName, private: mayBePrivate, bytesPerDay, bytesPerSecond };
}
