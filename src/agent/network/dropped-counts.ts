/**
 * Dropped counts: what a provider's monitor says it has dropped at its ports, and which of that is not on record yet. Pure.
 *
 * The monitor stands behind one wall with the provider's QEMU, so what it writes is read as if a stranger had written it. It
 * counts from nothing each time the provider begins, under a word of its own for that run.
 */
import { NAME_PATTERN } from "../../model/index.ts";

/** Why a frame was dropped (host/monitor/frames.ts), in words. What the network had no room for is not here: nobody refused it. */
export const DROP_WORDS: Readonly<Record<string, string>> = {
  short: "a frame too short to be one",
  oversize: "a frame longer than a port takes",
  "source-mac": "a frame in the name of another network card",
  "not-for-provider": "a frame for somebody else than the net VM",
  tagged: "a frame with a tag of another network",
  "other-protocol": "a frame of no protocol that a port knows",
  "arp-malformed": "malformed ARP",
  "arp-sender": "ARP in the name of another address",
  "ipv4-malformed": "malformed IPv4",
  "ipv4-source": "IPv4 in the name of another address",
  "dhcp-server": "a DHCP server's answer",
  "ipv6-malformed": "malformed IPv6",
  "ipv6-source": "IPv6 in the name of another address",
  "router-advertisement": "a router's message",
  neighbour: "a neighbour's message about another address",
};

/** As many as can have a port at one provider. */
const ROWS_MOST = 253;

const RUN = /^[0-9a-f]{16}$/;

export interface Counts {
  readonly run: string;
  /** By machine and reason. */
  readonly dropped: ReadonlyMap<string, number>;
}

export interface Dropped {
  readonly key: string;
  readonly station: string;
  readonly reason: string;
  readonly times: number;
}

/** @returns undefined for what is not in the form in which hub.ts writes it */
export function readCounts(text: string): Counts | undefined {
  const value = parsed(text);
  if (!isRecord(value) || typeof value["run"] !== "string" || !RUN.test(value["run"])) return undefined;
  const rows: unknown = value["ports"];
  if (!Array.isArray(rows) || rows.length > ROWS_MOST) return undefined;
  const dropped = new Map<string, number>();
  for (const row of rows as readonly unknown[]) {
    if (!isRecord(row) || typeof row["name"] !== "string" || !NAME_PATTERN.test(row["name"])) return undefined;
    if (!isRecord(row["dropped"])) return undefined;
    for (const [reason, times] of Object.entries(row["dropped"])) {
      if (typeof times !== "number" || !Number.isSafeInteger(times) || times < 1) return undefined;
      if (Object.hasOwn(DROP_WORDS, reason)) dropped.set(`${row["name"]} ${reason}`, times);
    }
  }
  return { run: value["run"], dropped };
}

/** What was dropped beyond what is told of it. A count that has become less was begun anew. */
export function untold(now: Counts, told: Counts | undefined): readonly Dropped[] {
  const before = told?.run === now.run ? told.dropped : new Map<string, number>();
  return [...now.dropped].flatMap(([key, times]) => {
    const known = before.get(key) ?? 0;
    const [station = "", reason = ""] = key.split(" ");
    return times === known ? [] : [{ key, station, reason, times: times > known ? times - known : times }];
  });
}

/** For each machine and reason there is a record at once, and then one in this time at the most. */
const RECORD_EVERY_MS = 60_000;

/** @param recorded - when there was a record, by key; @param at - the time by the same clock */
export function dueAt(rows: readonly Dropped[], recorded: ReadonlyMap<string, number>, at: number): readonly Dropped[] {
  return rows.filter(({ key }) => at - (recorded.get(key) ?? -Infinity) >= RECORD_EVERY_MS);
}

/** What is told once `recorded` is on record, too; of the others what was told before. */
export function toldAfter(now: Counts, told: Counts | undefined, recorded: readonly Dropped[]): Counts {
  const before = told?.run === now.run ? told.dropped : [];
  const dropped = new Map(before);
  for (const { key } of recorded) dropped.set(key, now.dropped.get(key) ?? 0);
  return { run: now.run, dropped };
}

/** The form in which {@link readTold} reads it. */
export function toldText({ run, dropped }: Counts): string {
  return JSON.stringify({ run, dropped: Object.fromEntries(dropped) });
}

/** @returns undefined where nothing is told */
export function readTold(text: string): Counts | undefined {
  const value = parsed(text);
  if (!isRecord(value) || typeof value["run"] !== "string" || !isRecord(value["dropped"])) return undefined;
  const entries = Object.entries(value["dropped"]);
  return {
    run: value["run"],
    dropped: new Map(entries.flatMap(([key, times]) => (typeof times === "number" ? [[key, times] as const] : []))),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
