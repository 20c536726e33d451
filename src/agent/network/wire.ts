/** What a network has let through and refused, as it is on the wire. */
import { placeText, type Publish } from "../../model/index.ts";
import type { EntranceState } from "./entrances.ts";
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

/** @param written - what a deployment says, where it does not run */
export function publishedOf({ published, counted }: EntranceState, written: readonly Publish[] = []) {
  const known = published.map(({ publish: { port, at }, because, connections }) => {
    const place = placeText(at);
    const led = counted.find((one) => one.allowed && one.to === place);
    const refused = counted.find((one) => !one.allowed && one.to === place)?.times ?? 0;
    return {
      ...{ port, at: place, problem: because, connections, refused: BigInt(refused), times: BigInt(led?.times ?? 0) },
      ...{ sent: BigInt(led?.sent ?? 0), received: BigInt(led?.received ?? 0) },
    };
  });
  const none = { problem: "", connections: 0, refused: 0n, times: 0n, sent: 0n, received: 0n };
  return known.length > 0 ? known : written.map(({ port, at }) => ({ port, at: placeText(at), ...none }));
}
