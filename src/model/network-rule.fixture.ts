/** A rule for tests: TCP, any port, without options, unless said otherwise. */
import type { NetworkRule, NetworkTarget } from "./network-rule.ts";

export const networkRule = (text: string, target: NetworkTarget, parts: Partial<NetworkRule> = {}): NetworkRule => ({
  text,
  target,
  protocol: "tcp",
  port: undefined,
  sameName: false,
  private: false,
  bytesPerDay: undefined,
  bytesPerSecond: undefined,
  answer: "real",
  ...parts,
});
