/**
 * What the agent and the program that works on copies (main.ts) say to each other: one order in, one report out.
 *
 * Names on a disk are bytes. A path here is text with one character for each byte (latin1), so that none is lost on the
 * way; whoever shows one to a person decodes it.
 */

export const ACTS = ["list", "diff", "apply", "discard", "settle"] as const;

export type Act = (typeof ACTS)[number];

export interface MergeOrder {
  readonly act: Act;
  /** Clean and relative; each stands for itself and for what lies below it. Empty is everything. */
  readonly paths: readonly string[];
  /** Apply also what was changed in the real folder meanwhile. */
  readonly force: boolean;
  readonly known: KnownTimes;
  /** Places below the real folder that are nobody's business: Skerry's own. */
  readonly hidden: readonly string[];
  /** Look for what has changed in the real folder since the app was started: it runs. */
  readonly stale: boolean;
}

/** Since when the app knows the real folder, in nanoseconds of the kernel's clock, as text. */
export interface KnownTimes {
  /** The first start after the copy was empty. */
  readonly first: string;
  readonly latest: string;
  /** What an earlier start has left in the copy, with the start before it: a change after that the app has not seen. */
  readonly paths: Readonly<Record<string, string>>;
  /** There were too many to note all: what is not noted counts from the first start. */
  readonly incomplete: boolean;
  /** Folders of the real tree that Skerry itself has changed last, with the time of that. */
  readonly own: Readonly<Record<string, string>>;
}

export type EntryType = "file" | "folder" | "link" | "special";

export type ChangeKind = "added" | "changed" | "removed" | "retyped" | "mode";

export interface Change {
  readonly path: string;
  readonly kind: ChangeKind;
  /** Of what is in the copy; of a removed one, what it was. */
  readonly type: EntryType;
  readonly bytes: number;
  /** Why it cannot simply be applied. */
  readonly conflict?: Conflict;
  /** Why it cannot be applied at all. */
  readonly unfit?: string;
  readonly outcome?: Outcome;
  readonly diff?: string;
}

export type Conflict = "changed-meanwhile" | "removed-meanwhile";

export type Outcome =
  | { readonly kind: "applied" | "discarded" | "conflict" }
  | { readonly kind: "failed"; readonly because: string };

export interface MergeReport {
  /** In order of their paths; at most as many as LISTED allows. */
  readonly changes: readonly Change[];
  readonly total: number;
  readonly bytes: number;
  /** Applied or discarded. */
  readonly done: number;
  readonly conflicts: number;
  readonly failed: number;
  /** The disk had no room: what comes behind was not tried. */
  readonly full: boolean;
  /** Wished for, and not changed. */
  readonly unknown: readonly string[];
  /** Changed in the real folder while the app runs. */
  readonly stale: readonly string[];
  /** An apply that was interrupted has been cleared up. */
  readonly settled: boolean;
  /** More than LIMITS allow lies in the copy; nothing was done. */
  readonly tooMany: boolean;
  /** Folders of the real tree in which something was applied, with the time of their last change. */
  readonly touched: Readonly<Record<string, string>>;
}

export const LIMITS = {
  /** Entries of one copy that are looked at. */
  entries: 200_000,
  /** Folders in each other. Two descriptors are open for each. */
  depth: 200,
  /** Bytes of a path. */
  path: 4000,
  /**
   * Changes in a report; the bytes of all their paths, and about those of all differences. In JSON a byte may take six,
   * and with all else the report stays below what is read of a program.
   */
  listed: 10_000,
  listedBytes: 768 * 1024,
  /** Bytes of a file whose differences are shown. */
  diffBytes: 1024 * 1024,
  /** Bytes of a file that is compared byte by byte; a larger one counts as changed. */
  comparedBytes: 4 * 1024 * 1024 * 1024,
  /** Entries of the real folder that are looked at for `stale`. */
  staleLooked: 20_000,
  staleListed: 20,
  /** Folders that are reported as touched, and the bytes of their paths. */
  touched: 2000,
  touchedBytes: 128 * 1024,
} as const;
