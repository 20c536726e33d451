/** Groups: which records answer which question. Every kind has a place here, so that none is passed over by mistake. */
import type { AuditKind } from "./event.ts";

/** `net`: what was reached or refused over a network. `grants`: who may do what. `life`: what ran, and how it ended. */
export type AuditGroup = "net" | "grants" | "life";

const GROUPS: Readonly<Record<AuditKind, readonly AuditGroup[]>> = {
  "agent-started": [],
  "agent-stopped": [],
  deploy: ["grants"],
  undeploy: ["grants"],
  edit: ["grants"],
  grant: ["grants"],
  bind: ["grants"],
  "grants-changed": ["grants"],
  pending: ["grants"],
  "pending-settled": ["grants"],
  build: [],
  upgrade: [],
  migrate: [],
  rollback: [],
  purge: [],
  export: [],
  import: [],
  verify: [],
  "digest-differs": [],
  lock: [],
  // It says what was granted.
  start: ["grants", "life"],
  end: ["life"],
  snapshot: ["life"],
  "machine-memory": ["life"],
  suspend: ["life"],
  resume: ["life"],
  "suspend-discard": ["life"],
  "disk-snapshot": ["life"],
  "disk-restore": ["life"],
  "disk-forget": ["life"],
  stop: ["life"],
  kill: ["life"],
  freeze: ["life"],
  thaw: ["life"],
  restart: ["life"],
  "given-up": ["life"],
  unused: ["life"],
  "not-brought-up": ["life"],
  exec: ["life"],
  copy: ["life"],
  "changes-begun": ["grants"],
  "changes-applied": ["grants"],
  "changes-discarded": ["grants"],
  learn: ["grants", "life"],
  learned: ["grants"],
  "weaker-accepted": ["grants"],
  refused: ["grants", "life"],
  adopted: ["life"],
  ask: ["grants", "net"],
  answer: ["grants", "net"],
  "live-change": ["grants", "life"],
  "net-allowed": ["net"],
  "net-refused": ["net"],
  "net-published": ["net"],
  "frames-dropped": ["net"],
  trimmed: [],
  torn: [],
};

/** @returns kinds that are in one of the groups; undefined for all where no group is named */
export function kindsIn(groups: readonly AuditGroup[]): readonly string[] | undefined {
  if (groups.length === 0) return undefined;
  return Object.entries(GROUPS).flatMap(([kind, places]) =>
    places.some((place) => groups.includes(place)) ? [kind] : [],
  );
}
