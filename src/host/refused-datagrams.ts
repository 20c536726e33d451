/**
 * Refused datagrams: what nobody in a compartment's network listens for, as the kernel and nftables have counted it there.
 *
 * The kernel's own count costs the reading of two small files; which targets it were is asked of nft in the network, which
 * costs a program. So the first is looked at often, and the second only where the first has changed.
 */
import { readFile } from "node:fs/promises";
import { type ProcessName, isAlive } from "./processes.ts";
import { runProgram } from "./run-program.ts";

export interface RefusedTarget {
  readonly address: string;
  readonly port: number;
  /** Since the network was made. */
  readonly times: number;
}

const LISTED_WITHIN_MS = 10_000;

/** Two sets of a thousand elements have less. */
const LIST_BYTES = 1024 * 1024;

/** @returns how many there were in the network of that process; 0 where it has ended */
export async function countRefusedDatagrams(of: ProcessName): Promise<number> {
  const read = async (file: string) => await readFile(`/proc/${of.pid}/net/${file}`, "utf8").catch(() => "");
  return isAlive(of) ? refusedIn(await read("snmp"), await read("snmp6")) : 0;
}

/** The sum of `NoPorts` of both families (proc(5)). */
export function refusedIn(snmp: string, snmp6: string): number {
  const [names, values] = snmp
    .split("\n")
    .filter((line) => line.startsWith("Udp: "))
    .map((line) => line.split(" "));
  const four = Number(values?.[names?.indexOf("NoPorts") ?? -1] ?? 0);
  return four + Number(/^Udp6NoPorts\s+(\d+)$/m.exec(snmp6)?.[1] ?? 0);
}

/** @param programs - nsenter and nft, by absolute path */
export async function listRefusedDatagrams(
  programs: { readonly nsenter: string; readonly nft: string },
  of: ProcessName,
): Promise<readonly RefusedTarget[]> {
  if (!isAlive(of)) return [];
  // As the wall's own 0, who is this user or the one that root gave way to.
  const into = ["--user", "--net", "--preserve-credentials", "--setuid", "0", "--target", String(of.pid)];
  const end = await runProgram([programs.nsenter, ...into, programs.nft, "-j", "list", "table", "inet", "skerry"], {
    timeoutMs: LISTED_WITHIN_MS,
    maxOutputBytes: LIST_BYTES,
  });
  return end.ok && end.value.code === 0 ? refusedTargets(end.value.stdout) : [];
}

/** Reads nft's JSON (libnftables-json(5)); what does not look as it should is left out. */
export function refusedTargets(text: string): readonly RefusedTarget[] {
  const sets = listAt(parsed(text), "nftables").map((entry) => at(entry, "set"));
  return sets.flatMap((set) =>
    listAt(set, "elem").flatMap((entry) => {
      const element = at(entry, "elem");
      const [address, port] = listAt(at(element, "val"), "concat");
      const times = at(at(element, "counter"), "packets");
      const whole = typeof address === "string" && typeof port === "number" && typeof times === "number";
      return whole ? [{ address, port, times }] : [];
    }),
  );
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
