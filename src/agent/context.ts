/** What every part of the agent is handed: the host as it is, and the way to act on it and to record what was done. */
import type { Remembered } from "./asks/asks.ts";
import type { AuditLog } from "../audit/index.ts";
import type { HelperCare } from "../host/index.ts";
import { type ImageContext, type Store, storeOf } from "../image/index.ts";
import type { HostFacts, Places, SessionPlaces } from "../model/index.ts";
import type { Mirrors } from "../package-engines/index.ts";
import type { Performer, Progress, Watch } from "../step/index.ts";

export interface AgentContext {
  readonly places: Places;
  readonly facts: HostFacts;
  readonly performer: Performer;
  readonly audit: AuditLog;
  readonly mirrors: Mirrors;
  /** Name servers that granted names are looked up with; empty means those of the host. */
  readonly dns: readonly string[];
  /** Of the owner's, for a time, to what apps have asked; kept over a restart. */
  readonly answers: readonly Remembered[];
  readonly store: Store;
  /** The owner's home folder, every link followed. */
  readonly home: string;
  readonly version: string;
  /** Of the owner's files that are read once. */
  readonly settings: string;
  /** Whether Skerry's own helper program can be used. */
  readonly helper: Pick<HelperCare, "state">;
  /** Of the owner's session: where it looks, and what a start from it has to know. */
  readonly session: { readonly places: SessionPlaces; readonly environment: Readonly<Record<string, string>> };
}

export interface Work {
  readonly signal: AbortSignal;
  readonly report: (event: Progress) => void;
}

export const QUIET: Watch = { signal: new AbortController().signal, report: () => {} };

export function imageContext(context: AgentContext, watch: Work): ImageContext {
  const { performer, facts, places, mirrors } = context;
  return { performer, watch, facts, store: storeOf(places), mirrors, now: () => new Date().toISOString() };
}
