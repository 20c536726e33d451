/** Broker says: what the broker of a network would decide about one connection, in words. */
import { decideConnection, type Verdict } from "../../broker/index.ts";
import type { NetworkAsked } from "../../grant/index.ts";
import type { Contribution, NetworkRule } from "../../model/index.ts";
import { refusalWords } from "../network/reasons.ts";

/** @returns undefined where there is no broker, or the question is about more than one connection */
export function brokerSays(
  contributions: readonly Contribution[],
  asked: NetworkAsked,
  hostAddresses: readonly string[],
): string | undefined {
  const network = contributions.find((one) => one.kind === "named-network");
  const target = connectionTarget(asked);
  if (network === undefined || target === undefined || asked.port === undefined) return undefined;
  if (network.rules.length === 0) return "the broker lets nothing through";
  const wanted = { target, port: asked.port, protocol: asked.protocol ?? "tcp" } as const;
  return verdictWords(decideConnection(network.rules, wanted, hostAddresses), network.rules);
}

function connectionTarget({
  target,
}: NetworkAsked): { readonly name: string } | { readonly address: string } | undefined {
  if (target.kind === "name") return { name: target.name };
  const whole = target.kind === "addresses" && target.prefix === (target.family === 4 ? 32 : 128);
  return whole ? { address: target.address } : undefined;
}

function verdictWords(verdict: Verdict, rules: readonly NetworkRule[]): string {
  if (verdict.kind === "allowed") {
    const { rule } = verdict;
    const asks = rule.answer === "ask" ? ", and its owner is asked" : "";
    return `the broker lets it through by the rule ${rule.text}${asks}`;
  }
  const near =
    verdict.rule === undefined
      ? `its rules: ${rules.map(({ text }) => text).join(", ")}`
      : `the nearest rule is ${verdict.rule.text}`;
  return `the broker refuses it: ${refusalWords(verdict.because)}; ${near}`;
}
