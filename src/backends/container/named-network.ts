/**
 * A network in which an app asks by name: a namespace with nothing in it but loopback, in which every address is its own.
 *
 * There is no way out of it but through the agent: nftables hands each TCP connection that may begin, whatever its address,
 * to the one listener that the agent has there (tproxy), and refuses and counts all others (first-filter.ts). The helper waits at the gate until the agent
 * listens; where the agent is gone, nothing answers. The filter belongs to the outer user namespace; the app runs in an
 * inner one and can change neither. Source: nft(8), ip(7).
 */
import type { Contribution } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import type { BackendContext, BackendProblem } from "../backend.ts";
import { firstFilter } from "./first-filter.ts";
import type { NetworkPlan } from "./network-plan.ts";
import { RESOLVER_ADDRESS } from "./resolver-address.ts";

/**
 * Where the agent listens inside. Below 1024, so that nobody inside can listen there first: that needs a right over the
 * namespace, and the app has none.
 */
export const NAMED_NETWORK = {
  /** All TCP connections of each family. */
  connections: [
    { address: "127.0.0.1", port: 1 },
    { address: "::1", port: 1 },
  ],
  /** Where names are asked for, by UDP and TCP. */
  resolver: { address: "127.0.0.53", port: 53 },
  /** The same for a virtual machine, whose loopback is its own. */
  resolverOfMachine: { address: RESOLVER_ADDRESS, port: 53 },
} as const;

/** The socket at which a start waits, below its folder. */
export const GATE = "gate";

export function planNamedNetwork(
  contributions: readonly Contribution[],
  context: BackendContext,
  folder: string,
): Result<NetworkPlan, BackendProblem> {
  const nft = context.facts.programs["nft"]?.path;
  if (nft === undefined || !context.facts.tproxy) {
    const lacks = "the kernel's nft_tproxy and nft_socket: nftables cannot lead connections to one listener here";
    const missing = [nft === undefined ? "nft: run ./skerry setup (package nftables)" : lacks];
    return refusal({ kind: "network-unavailable", backend: "container", missing });
  }
  const rules = `${folder}/filter.nft`;
  return success({
    shared: true,
    steps: [{ kind: "write-file", path: rules, mode: 0o644, content: filterFor(contributions) }],
    helper: ["--network-namespace", "--inside", nft, "-f", rules, ";", "--gate", `${folder}/${GATE}`],
  });
}

/** What no socket inside waits for is refused by the kernel at once; here it is counted, by address and port. */
const [FOUR, SIX] = NAMED_NETWORK.connections;
const FROM_MACHINE = `ip daddr ${RESOLVER_ADDRESS} tcp dport ${NAMED_NETWORK.resolverOfMachine.port} accept`;
const ARRIVING = `set refused4 { type ipv4_addr . inet_service; flags dynamic; size 1024; counter; }
set refused6 { type ipv6_addr . inet_service; flags dynamic; size 1024; counter; }
chain arriving {
  type filter hook prerouting priority mangle; policy accept;
  ip daddr 127.0.0.0/8 accept
  ip6 daddr ::1 accept
  ${FROM_MACHINE}
  meta nfproto ipv4 meta l4proto tcp tproxy ip to ${FOUR.address}:${FOUR.port} accept
  meta nfproto ipv6 meta l4proto tcp tproxy ip6 to [${SIX.address}]:${SIX.port} accept
  socket wildcard 0 accept
  socket wildcard 1 accept
  meta nfproto ipv4 meta l4proto udp update @refused4 { ip daddr . udp dport }
  meta nfproto ipv6 meta l4proto udp update @refused6 { ip6 daddr . udp dport }
}`;

function filterFor(contributions: readonly Contribution[]): string {
  const lines = [...ARRIVING.split("\n"), ...firstFilter(contributions)].map((line) => `  ${line}`);
  return `${["table inet skerry {", ...lines, "}"].join("\n")}\n`;
}
