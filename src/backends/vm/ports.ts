/**
 * Ports: how a machine is joined to the machine of its provider, and a provider to those that go through it. Pure.
 *
 * A folder of the agent's for each station is what they have in common: the provider's wall listens in it and sees those of
 * all, a station's wall sees its own and nothing else.
 */
import type { CompartmentSpec } from "../../model/index.ts";
import type { ArchiveEntry } from "../../step/index.ts";
import type { PortPlaces } from "../backend.ts";
import { cardAddress, PROVIDER_ADDRESS, PROVIDER_CARD, stationAddress } from "./stations.ts";
import type { Card } from "./vmm.ts";

/** Name of the share by which the provider's machine sees its rules. */
export const RULES_SHARE = "rules";

export interface Joint {
  readonly source: string;
  readonly writable: boolean;
  /** Behind the outer wall, where host/monitor/ports.ts looks for it. */
  readonly inside: string;
  /** The helper's arguments that prepare it. */
  readonly staged: readonly string[];
}

/** Folders that the monitor needs. */
export function jointsOf({ user }: CompartmentSpec, stage: string, { own, all }: PortPlaces): readonly Joint[] {
  const joint = (folder: string, inside: string, writable: boolean): Joint => {
    const staged = `${stage}${inside}`;
    return user.allocated
      ? { source: staged, writable, inside, staged: ["--idmap", folder, staged, String(user.uid), String(user.gid)] }
      : { source: folder, writable, inside, staged: [] };
  };
  return [
    ...(own === undefined ? [] : [joint(own.folder, "/port", false)]),
    ...(all === undefined ? [] : [joint(all.ports, "/ports", true), joint(all.rules, "/rules", false)]),
  ];
}

/** Cards of the machine; the VMM finds their sockets where the monitor makes them. */
export function portCards({ own, all }: PortPlaces): readonly Card[] {
  return [
    ...(own === undefined ? [] : [{ name: "wire", socket: "/run/wire", address: cardAddress(own.number) }]),
    ...(all === undefined ? [] : [{ name: "hub", socket: "/run/hub", address: PROVIDER_CARD }]),
  ];
}

/** What guest/init is told of its own port: card, address, and the same of its provider. */
export function portEntries({ own }: PortPlaces): readonly ArchiveEntry[] {
  if (own === undefined) return [];
  const words = [cardAddress(own.number), stationAddress(own.number), PROVIDER_CARD, PROVIDER_ADDRESS];
  return [{ kind: "file", path: "port", mode: 0o600, content: `${words.join(" ")}\n` }];
}
