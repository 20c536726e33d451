/**
 * The program that works on a copy of a folder: it lists, compares, applies and discards what an app has written.
 *
 * It runs in a compartment of its own, in which there are two places: `/copy`, the copy's own folder, and `/real`, the
 * folder that was granted. What it reads was written by an app that is believed to be hostile; were it led astray, there
 * is nothing else to reach. One order comes in as JSON, one report goes out; progress goes to standard error.
 */
import { lstatSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { COPY_UPPER } from "../../model/places.ts";
import { isWithin } from "../../model/names.ts";
import { type Applied, apply } from "./apply.ts";
import { compare, type Comparison, type Trees } from "./compare.ts";
import { discardAll, discardChosen } from "./discard.ts";
import { withDiffs } from "./differ.ts";
import { settle } from "./journal.ts";
import { unreachable } from "../../result.ts";
import { type Change, LIMITS, type MergeOrder, type MergeReport } from "./messages.ts";
import { findStale } from "./stale.ts";

const OWN = "/copy";
const TREES: Trees = { upper: `${OWN}/${COPY_UPPER}`, real: "/real" };

const NOTHING: MergeReport = {
  changes: [],
  total: 0,
  bytes: 0,
  done: 0,
  conflicts: 0,
  failed: 0,
  full: false,
  unknown: [],
  stale: [],
  settled: false,
  tooMany: false,
  touched: {},
};

function work(order: MergeOrder): MergeReport {
  const writes = order.act !== "list" && order.act !== "diff";
  const settled = writes && settle(OWN, TREES.real);
  if (order.act === "settle") return { ...NOTHING, settled };
  const comparedAt = order.act === "apply" ? timeNow() : 0n;
  const found = compare(TREES, order);
  if (found === undefined) {
    if (order.act !== "discard" || order.paths.length > 0) return { ...NOTHING, settled, tooMany: true };
    discardAll(TREES.upper);
    return { ...NOTHING, settled, done: LIMITS.entries };
  }
  const unknown = order.paths.filter((path) => !found.changes.some((change) => isAt(change.path, [path])));
  const { changes, full, touched } = act(order, found, comparedAt);
  const outcomes = (kind: string) => changes.filter(({ outcome }) => outcome?.kind === kind).length;
  return {
    changes: listed(changes),
    total: changes.length,
    bytes: changes.reduce((sum, { kind, bytes }) => (kind === "removed" ? sum : sum + bytes), 0),
    done: outcomes("applied") + outcomes("discarded"),
    conflicts: outcomes("conflict"),
    failed: outcomes("failed"),
    full,
    unknown,
    stale: order.stale ? findStale(TREES.real, BigInt(order.known.latest), order.hidden) : [],
    settled,
    tooMany: false,
    touched,
  };
}

function act(order: MergeOrder, found: Comparison, comparedAt: bigint): Applied {
  const chosen = (path: string) => order.paths.length === 0 || isAt(path, order.paths);
  const plain = (changes: Comparison["changes"]) => changes.filter(({ path }) => chosen(path)).map(wireOf);
  switch (order.act) {
    case "list":
      return { changes: plain(found.changes), ...NONE };
    case "diff":
      return { changes: withDiffs(plain(found.changes).slice(0, LIMITS.listed), TREES), ...NONE };
    case "apply": {
      const progress = (done: number, total: number) => process.stderr.write(`${JSON.stringify({ done, total })}\n`);
      const applied = apply(found, TREES, {
        own: OWN,
        force: order.force,
        compared: order,
        comparedAt,
        chosen,
        progress,
      });
      return { ...applied, changes: applied.changes.map(wireOf) };
    }
    case "discard": {
      if (order.paths.length > 0) {
        const changes = discardChosen(TREES.upper, found.changes, order.paths).map(wireOf);
        return { changes, ...NONE };
      }
      discardAll(TREES.upper);
      const outcome = { kind: "discarded" } as const;
      return { changes: plain(found.changes).map((change) => ({ ...change, outcome })), ...NONE };
    }
    case "settle":
      throw new Error("to settle compares nothing");
    default:
      return unreachable(order.act);
  }
}

/** By the clock that stamps files. */
function timeNow(): bigint {
  const path = `${OWN}/looked`;
  rmSync(path, { force: true });
  writeFileSync(path, "");
  return lstatSync(path, { bigint: true }).ctimeNs;
}

const NONE = { full: false, touched: {} } as const;

function isAt(path: string, places: readonly string[]): boolean {
  return places.some((place) => isWithin(`/${path}`, `/${place}`));
}

/** Without what only this program needs. */
function wireOf({ path, kind, type, bytes, conflict, unfit, outcome }: Change): Change {
  return {
    path,
    kind,
    type,
    bytes,
    ...(conflict === undefined ? {} : { conflict }),
    ...(unfit === undefined ? {} : { unfit }),
    ...(outcome === undefined ? {} : { outcome }),
  };
}

/** What did not go well first: it must not be what is cut off. */
function listed(changes: readonly Change[]): readonly Change[] {
  const order = ["conflict", "failed"];
  const rank = ({ outcome }: Change) => (outcome !== undefined && order.includes(outcome.kind) ? 0 : 1);
  let left: number = LIMITS.listedBytes;
  const kept = new Set(
    changes
      .toSorted((one, other) => rank(one) - rank(other))
      .slice(0, LIMITS.listed)
      .filter(({ path }) => (left -= path.length + 100) > 0),
  );
  return changes.filter((change) => kept.has(change));
}

const order: MergeOrder = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(work(order)));
