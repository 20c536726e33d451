/**
 * Refused targets: what the kernel itself has refused in a compartment's network, as it and nftables have counted it there.
 *
 * The kernel's own count costs the reading of two small files; which targets it were is asked of nft in the network, which
 * costs a program. So the first is looked at often, and the second only where the first has changed.
 */
import { readFile } from "node:fs/promises";
import type { InsideNetwork } from "./inside-network.ts";
import { isAlive, type ProcessName } from "./processes.ts";

export interface RefusedTarget {
  readonly address: string;
  readonly port: number;
  readonly protocol: "tcp" | "udp";
  /** Since the network was made. */
  readonly times: number;
}

export interface Refused {
  readonly targets: readonly RefusedTarget[];
  /** How often it was others, for which there was no room. */
  readonly others: number;
}

const WITHIN_MS = 10_000;

/** Four sets of a thousand elements have less. */
const LIST_BYTES = 2 * 1024 * 1024;

/** @returns a number that grows with what is refused in the network of that process; 0 where it has ended */
export async function countRefused(of: ProcessName): Promise<number> {
  const read = async (file: string) => await readFile(`/proc/${of.pid}/net/${file}`, "utf8").catch(() => "");
  return isAlive(of) ? refusedIn(await read("snmp"), await read("snmp6")) : 0;
}

/** The sum of what found no port by UDP, in both families, and of connections that were not made (proc(5)). */
export function refusedIn(snmp: string, snmp6: string): number {
  const of = (protocol: string, name: string) => {
    const [names, values] = snmp
      .split("\n")
      .filter((line) => line.startsWith(`${protocol}: `))
      .map((line) => line.split(" "));
    return Number(values?.[names?.indexOf(name) ?? -1] ?? 0);
  };
  return of("Udp", "NoPorts") + of("Tcp", "AttemptFails") + Number(/^Udp6NoPorts\s+(\d+)$/m.exec(snmp6)?.[1] ?? 0);
}

/** @param nft - by absolute path */
export async function listRefused(network: InsideNetwork, nft: string): Promise<Refused> {
  const end = await network.run([nft, "-j", "list", "table", "inet", "skerry"], {
    timeoutMs: WITHIN_MS,
    maxOutputBytes: LIST_BYTES,
  });
  return end.ok && end.value.code === 0 ? refusedTargets(end.value.stdout) : { targets: [], others: 0 };
}

/** Gives nft these commands in the network. @returns why they were not done; undefined where they were */
export async function changeTable(network: InsideNetwork, nft: string, commands: string): Promise<string | undefined> {
  const end = await network.run([nft, "-f", "-"], { input: commands, timeoutMs: WITHIN_MS });
  if (!end.ok) return end.problem.kind;
  return end.value.code === 0 ? undefined : (end.value.stderr.trim().split("\n")[0] ?? "");
}

/** Reads nft's JSON (libnftables-json(5)); what does not look as it should is left out. */
export function refusedTargets(text: string): Refused {
  const entries = listAt(parsed(text), "nftables");
  const targets = entries.flatMap((entry) => {
    const set = at(entry, "set");
    const name = at(set, "name");
    const protocol = typeof name === "string" && name.startsWith("refusedtcp") ? "tcp" : "udp";
    return listAt(set, "elem").flatMap((one) => {
      const element = at(one, "elem");
      const [address, port] = listAt(at(element, "val"), "concat");
      const times = at(at(element, "counter"), "packets");
      const whole = typeof address === "string" && typeof port === "number" && typeof times === "number";
      return whole ? [{ address, port, protocol, times } as const] : [];
    });
  });
  const connections = at(entries.map((entry) => at(entry, "counter")).find(isTotal), "packets");
  const known = targets.reduce((sum, { protocol, times }) => sum + (protocol === "tcp" ? times : 0), 0);
  return { targets, others: typeof connections === "number" ? Math.max(0, connections - known) : 0 };
}

function isTotal(counter: unknown): boolean {
  return at(counter, "name") === "refusedtcp";
}

function at(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null
    ? Object.entries(value).find(([name]) => name === key)?.[1]
    : undefined;
}

function listAt(value: unknown, key: string): readonly unknown[] {
  const list = at(value, key);
  return Array.isArray(list) ? list : [];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
