/** Rules for tests, from what an owner would write. */
import type { NetworkRule, NetworkTarget } from "../model/index.ts";

export const rule = (text: string, target: NetworkTarget, parts: Partial<NetworkRule> = {}): NetworkRule => ({
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

export const named = (name: string, parts: Partial<NetworkRule> = {}) => rule(name, { kind: "name", name }, parts);

export const below = (suffix: string, parts: Partial<NetworkRule> = {}) =>
  rule(`*.${suffix}`, { kind: "names-below", suffix }, parts);

export const zone = (name: "host" | "lan", parts: Partial<NetworkRule> = {}) =>
  rule(name, { kind: "zone", zone: name }, parts);

export function range(text: string, parts: Partial<NetworkRule> = {}): NetworkRule {
  const [address = "", prefix] = text.split("/");
  const family = address.includes(":") ? 6 : 4;
  return rule(text, { kind: "addresses", family, address, prefix: Number(prefix ?? (family === 4 ? 32 : 128)) }, parts);
}
