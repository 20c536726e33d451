/**
 * Places: which rights lead to where a port of another app is published on this host.
 *
 * Invariant: `never` is only said where no connection can be made. By a rule for this host an app reaches its loopback; no
 * name leads there. A Unix socket is reached by who is granted a folder that it lies in.
 */
import { isWithin, type NetworkRule, parseIp, type PublishPlace, widthOf } from "../../model/index.ts";
import type { Right } from "./graph.ts";
import { type Meeting, meets, type NetworkAsked, type NetworkPart } from "./network.ts";

interface Reached {
  /** The right that leads there, and the one that publishes. */
  readonly going: Right;
  readonly there: Right;
  readonly meeting: Exclude<Meeting, "never">;
}

/** Each right that leads to where another app is published. @param readers - see readers.ts */
export function placesReached(
  rights: readonly Right[],
  readers: (path: string) => readonly { readonly right: Right }[],
): readonly Reached[] {
  // Of many rights few lead to this host: the others are not looked at for each place.
  const toHost = rights.filter(({ target }) => target.kind === "network" && mayLeadToHost(target.part));
  return rights.flatMap((there) => {
    if (there.target.kind !== "place") return [];
    const { at } = there.target;
    const leading = at.kind === "loopback" ? toHost : readers(at.path).map(({ right }) => right);
    return leading.flatMap((going): readonly Reached[] => {
      const meeting = going.app === there.app ? "never" : reachesPlace(going, at);
      return meeting === "never" ? [] : [{ going, there, meeting }];
    });
  });
}

function mayLeadToHost(part: NetworkPart): boolean {
  return part.kind === "everything" ? part.zones.includes("host") : !leadsToNames(part.rule);
}

function reachesPlace({ target, because }: Right, at: PublishPlace): Meeting {
  if (target.kind === "folder" && at.kind === "socket") {
    // A pattern means plain files.
    if (target.pattern !== undefined) return "never";
    const inside = isWithin(at.path, target.path) && !target.except.some((hidden) => isWithin(at.path, hidden));
    if (!inside) return "never";
    return because.kind === "answer" && because.answer === "real" ? "surely" : "perhaps";
  }
  if (target.kind !== "network" || at.kind !== "loopback") return "never";
  const { part } = target;
  if (!mayLeadToHost(part)) return "never";
  const byZone = part.kind === "rule" && part.rule.target.kind === "zone";
  const meeting = meets(part, byZone ? asHost(at.port) : asAddress(at));
  // The host's own name leads to these, and real networks and ranges to none that is known here.
  return byZone && (at.address === "127.0.0.1" || at.address === "::1") ? meeting : atMostPerhaps(meeting);
}

function atMostPerhaps(meeting: Meeting): Meeting {
  return meeting === "never" ? "never" : "perhaps";
}

function leadsToNames({ target }: NetworkRule): boolean {
  return target.kind !== "zone" && target.kind !== "addresses";
}

function asHost(port: number): NetworkAsked {
  return { text: `host:${port}`, target: { kind: "zone", zone: "host" }, port, protocol: "tcp" };
}

function asAddress({ address, port }: Extract<PublishPlace, { readonly kind: "loopback" }>): NetworkAsked {
  const ip = parseIp(address);
  if (ip === undefined) throw new Error(`an address was let in that is none: ${address}`);
  const target = { kind: "addresses", family: ip.family, address, prefix: widthOf(ip) } as const;
  return { text: address, target, port, protocol: "tcp" };
}
