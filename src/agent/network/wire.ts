/** What a network has let through and refused, as it is on the wire. */
import type { NetworkState } from "./networks.ts";

export function networkOf(state: NetworkState | undefined) {
  if (state === undefined) return { byRules: false };
  return {
    byRules: true,
    connections: state.connections,
    others: BigInt(state.others),
    targets: state.counted.map(({ to, allowed, because, times, sent, received }) => ({
      ...{ to, allowed, because },
      ...{ times: BigInt(times), sent: BigInt(sent), received: BigInt(received) },
    })),
  };
}
