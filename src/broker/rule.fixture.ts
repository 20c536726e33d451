/** Rules for tests, from what an owner would write. */
import type { NetworkRule } from "../model/index.ts";
import { networkRule } from "../model/network-rule.fixture.ts";

export const named = (name: string, parts: Partial<NetworkRule> = {}) =>
  networkRule(name, { kind: "name", name }, parts);

export const below = (suffix: string, parts: Partial<NetworkRule> = {}) =>
  networkRule(`*.${suffix}`, { kind: "names-below", suffix }, parts);

export const zone = (name: "host" | "lan", parts: Partial<NetworkRule> = {}) =>
  networkRule(name, { kind: "zone", zone: name }, parts);

export function range(text: string, parts: Partial<NetworkRule> = {}): NetworkRule {
  const [address = "", prefix] = text.split("/");
  const family = address.includes(":") ? 6 : 4;
  return networkRule(
    text,
    { kind: "addresses", family, address, prefix: Number(prefix ?? (family === 4 ? 32 : 128)) },
    parts,
  );
}
