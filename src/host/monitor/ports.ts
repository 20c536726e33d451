/** Ports: which ends of other machines' networks are served beside this machine. What is there was put there by its wall. */
import { existsSync } from "node:fs";
import { openHub } from "./hub.ts";
import { joinWire } from "./wire.ts";

/** The machine's own port at its provider: a folder in which the provider listens. */
const OWN_PORT = "/port";

/** Of a provider: the ports of all its stations, and the list of those. */
const PORTS = "/ports";
const STATIONS = "/rules/stations";

/** @param folder - where the VMM finds its sockets */
export async function servePorts(folder: string, say: (line: string) => void): Promise<void> {
  if (existsSync(OWN_PORT)) await joinWire(`${folder}/wire`, `${OWN_PORT}/socket`);
  if (existsSync(PORTS)) await openHub({ card: `${folder}/hub`, list: STATIONS, ports: PORTS }, say);
}
