/**
 * Network rule: one line of a network that is granted in parts. It names a target, and what may be done there.
 *
 * Plain data, parsed in descriptor/; broker/ decides by it.
 */
import { unreachable } from "../result.ts";
import type { NetworkZone } from "./deployment.ts";

export type NetworkTarget =
  /** `*`: every name. Only asked for or refused: who grants all names grants the internet. */
  | { readonly kind: "any-name" }
  /** Lower case, no dot at the end, in the form that goes over the wire (`xn--` for what is not ASCII). */
  | { readonly kind: "name"; readonly name: string }
  /** `*.example.org`: every name below, not the name itself. */
  | { readonly kind: "names-below"; readonly suffix: string }
  /** One address where the prefix is as long as the address. No bit is set behind the prefix. */
  | { readonly kind: "addresses"; readonly family: 4 | 6; readonly address: string; readonly prefix: number }
  /** `host`: this host's own addresses and loopback. `lan`: private and link-local ranges. */
  | { readonly kind: "zone"; readonly zone: NetworkZone };

export interface NetworkRule {
  /** As the owner wrote it: how counters, logs and explanations name it. */
  readonly text: string;
  readonly target: NetworkTarget;
  readonly protocol: "tcp" | "udp";
  /** Undefined: any. */
  readonly port: number | undefined;
  /** `tls: same-name`: a connection has to begin with a ClientHello that asks for the name that was granted. */
  readonly sameName: boolean;
  /** The name's addresses may be private ones, or this host's. */
  readonly private: boolean;
  readonly bytesPerDay: number | undefined;
  readonly bytesPerSecond: number | undefined;
  /** `ask`: the owner is asked when it is used. `deny`: refused, within a wider rule that allows or asks. */
  readonly answer: "real" | "ask" | "deny";
}

/** Of several rules that name a target, the one with the greatest number decides alone. By target, then by port. */
export function narrownessOf({ target, port }: Pick<NetworkRule, "target" | "port">): number {
  const byPort = port === undefined ? 0 : 1;
  switch (target.kind) {
    case "name":
      return 2000 + byPort;
    case "names-below":
      // A longer name is a narrower one: no name has more than 253 characters.
      return 1000 + 2 * target.suffix.length + byPort;
    case "addresses":
      return 1000 + 2 * target.prefix + byPort;
    case "zone":
      return 2 + byPort;
    case "any-name":
      return byPort;
    default:
      return unreachable(target);
  }
}

/** Text of the rules that no owner has written: those of a run that learns. */
export const LEARN_RULE = "learn";
