/**
 * Rule word: a rule of a network with its options as one word of a command line, `bank.example:443+tls=same-name+deny`. The
 * options and their values are those of the file; `private: yes` is `private`, and an answer stands for itself.
 */
import type { NetworkRule } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";
import { noneOf, quote } from "./complaint.ts";
import { type RuleFile, ruleData, ruleMapSchema, ruleTextSchema } from "./network-rule.ts";

interface RuleWordFault {
  readonly kind: "rule-word";
  /** One line, escaped. */
  readonly message: string;
}

const OPTIONS = ["tls=same-name", "private", "quota=100MB/day", "rate=1MB/s", "ask", "deny"] as const;

const fault = (message: string) => refusal<RuleWordFault>({ kind: "rule-word", message });

/** @returns the entry that a file would have */
export function parseRuleWord(word: string): Result<RuleFile, RuleWordFault> {
  const [to = "", ...options] = word.split("+");
  const map = new Map([["to", to]]);
  for (const option of options) {
    const [name = "", value] = option.split(/=(.*)/s, 2);
    const plain = value === undefined;
    const entry =
      plain && name === "private"
        ? (["private", "yes"] as const)
        : plain && (name === "ask" || name === "deny")
          ? (["answer", name] as const)
          : !plain && ["tls", "quota", "rate"].includes(name)
            ? ([name, value] as const)
            : undefined;
    if (entry === undefined) return fault(`an option of a rule, ${noneOf(option, OPTIONS)}`);
    if (map.has(entry[0])) return fault(`${quote(word)} says ${entry[0]} twice`);
    map.set(...entry);
  }
  const read = map.size === 1 ? ruleTextSchema.safeParse(to) : ruleMapSchema.safeParse(Object.fromEntries(map));
  return read.success ? success(read.data) : fault(read.error.issues[0]?.message ?? `${quote(word)} is no rule`);
}

/** What {@link parseRuleWord} reads as that rule. */
export function ruleWord(rule: NetworkRule): string {
  const data = ruleData(rule);
  if (typeof data !== "object" || data === null) return rule.text;
  const words = Object.entries(data).flatMap(([name, value]) => {
    if (name === "to" || typeof value !== "string") return [];
    const text = value.replaceAll(" ", "");
    return [name === "private" ? name : name === "answer" ? text : `${name}=${text}`];
  });
  return [rule.text, ...words].join("+");
}
