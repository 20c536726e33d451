/**
 * Graph: who is granted what, over all deployments, and over what apps can hand something to each other.
 *
 * Rights come from contributions, which are what a wall lets through; so an answer that opens nothing is no right. A
 * channel leads from one app to another: a folder that the first can write and the second can read, or a link with a port,
 * over which both sides talk; and so do an app that publishes a port on this host, and who may go there, and all that are on the screen of the session. What is outside (a network) is an end and no channel: two apps that reach the same server are
 * not joined by it. A folder that is granted as a copy is read; what is written to it stays with the app until its owner
 * applies it.
 *
 * Invariants
 * - Pure, and plain data but for the maps.
 * - Nesting counts: who can write ~/a and who can read ~/a/b share what is in ~/a/b.
 */
import type { Answer, Contribution, Link, NetworkRule, Publish, PublishPlace, ShownScreen } from "../../model/index.ts";
import { isWithin, mayMeet, patternsOf, splitPattern } from "../../model/index.ts";
import type { Effective } from "../join.ts";
import type { NetworkPart } from "./network.ts";
import { placesReached } from "./places.ts";
import { readersByPath } from "./readers.ts";

/** A deployment, as far as it matters here. */
export interface WiredApp {
  readonly name: string;
  readonly recipe: string;
  readonly tags: readonly string[];
  /** Requests whose answers hold by themselves, with what they let through. */
  readonly effective: readonly Effective[];
  /** Names of the recipe's volumes. */
  readonly volumes: readonly string[];
  readonly links: readonly Link[];
  /** Sockets with every link followed. */
  readonly publish: readonly Publish[];
  /** Those that come from a file, with every link followed. */
  readonly secretFiles: readonly { readonly secret: string; readonly path: string }[];
  /** Disks of a system of its own that lie in a file of the owner's, every link followed. */
  readonly disks: readonly { readonly disk: string; readonly path: string; readonly writable: boolean }[];
  /** Why it cannot be started as things are, in words. What it is granted then counts against it, and not for it. */
  readonly blocked: string | undefined;
}

export type RightVerb = "read" | "write" | "reach" | "publish";

/** One thing that one app may do by itself. */
export interface Right {
  readonly app: string;
  readonly verb: RightVerb;
  readonly target: RightTarget;
  readonly because: Reason;
}

export type RightTarget =
  | FolderTarget
  /** Of the app itself: nobody else has a door to it. */
  | { readonly kind: "volume"; readonly volume: string }
  /** @param through - whose machine the way leads through, if any */
  | { readonly kind: "network"; readonly part: NetworkPart; readonly through?: string }
  | { readonly kind: "app"; readonly to: string; readonly port: number; readonly as: string }
  /** `virtual`: nobody else's. The others are of the session, which all share that have it. */
  | { readonly kind: "screen"; readonly screen: ShownScreen; readonly through?: string }
  /** Where others reach it. */
  | { readonly kind: "place"; readonly port: number; readonly at: PublishPlace };

export interface FolderTarget {
  readonly kind: "folder";
  /** Absolute, every link followed: a folder with all below it, or one file. */
  readonly path: string;
  /** What lies below it and is hidden. */
  readonly except: readonly string[];
  /** Only files below it that match, part by part; those that are not there yet count as well. */
  readonly pattern?: readonly string[];
}

/** Where a right comes from: which part of the deployment or of its recipe. */
export type Reason =
  | {
      readonly kind: "answer";
      readonly request: string;
      readonly answer: Answer;
      /** Which entry of a list in the answer it is. */
      readonly entry: { readonly list: "allow" | "files"; readonly index: number } | undefined;
    }
  | { readonly kind: "volume"; readonly volume: string }
  | { readonly kind: "secret"; readonly secret: string }
  | { readonly kind: "disk"; readonly disk: string }
  | { readonly kind: "link"; readonly index: number }
  | { readonly kind: "publish"; readonly index: number };

/** A way by which `from` can hand something to `to`. */
export interface Channel {
  readonly from: string;
  readonly to: string;
  /** The right to write and the right to read it, the one link, or what leads to a place and who is there. */
  readonly by: readonly [Right, ...Right[]];
  /** False where it is only not ruled out. */
  readonly sure: boolean;
}

export interface Graph {
  readonly apps: ReadonlyMap<string, WiredApp>;
  readonly rights: readonly Right[];
  readonly rightsOf: ReadonlyMap<string, readonly Right[]>;
  /** By `from`, then by `to`. */
  readonly channels: ReadonlyMap<string, ReadonlyMap<string, Channel>>;
}

/** @param least - with `surely` there is no channel of which it is not known that it is one */
export function buildGraph(apps: readonly WiredApp[], least: "surely" | "perhaps" = "perhaps"): Graph {
  const rights = apps.flatMap(rightsOfApp);
  const rightsOf = new Map<string, Right[]>(apps.map(({ name }) => [name, []]));
  for (const right of rights) rightsOf.get(right.app)?.push(right);
  return {
    apps: new Map(apps.map((app) => [app.name, app])),
    rights,
    rightsOf,
    channels: channelsOf(rights, rightsOf, least),
  };
}

function rightsOfApp(wired: WiredApp): readonly Right[] {
  const { name: app, effective, volumes, links, publish, secretFiles, disks } = wired;
  // One network for all that is granted of it.
  const beside = effective.flatMap(({ contributions }) =>
    contributions.flatMap((one) =>
      one.kind === "named-network" ? one.rules : one.kind === "port" ? (one.rules ?? []) : [],
    ),
  );
  const granted = effective.flatMap(({ request, answer, contributions }) => {
    return targetsOf(contributions, beside).map(
      ({ verb, target, entry }): Right => ({ app, verb, target, because: { kind: "answer", request, answer, entry } }),
    );
  });
  const own = volumes.flatMap((volume) => {
    const because = { kind: "volume", volume } as const;
    return (["read", "write"] as const).map(
      (verb): Right => ({ app, verb, target: { kind: "volume", volume }, because }),
    );
  });
  const linked = links.flatMap(({ to, port, as = to }, index): readonly Right[] =>
    // Without a port it says who starts first, and lets nothing through.
    port === undefined
      ? []
      : [{ app, verb: "reach", target: { kind: "app", to, port, as }, because: { kind: "link", index } }],
  );
  const secrets = secretFiles.map(({ secret, path }): Right => {
    const target = { kind: "folder", path, except: [] } as const;
    return { app, verb: "read", target, because: { kind: "secret", secret } };
  });
  const ofDisks = disks.flatMap(({ disk, path, writable }) => {
    const target = { kind: "folder", path, except: [] } as const;
    const verbs = writable ? (["read", "write"] as const) : (["read"] as const);
    return verbs.map((verb): Right => ({ app, verb, target, because: { kind: "disk", disk } }));
  });
  const published = publish.map(({ port, at }, index): Right => {
    return { app, verb: "publish", target: { kind: "place", port, at }, because: { kind: "publish", index } };
  });
  return [...granted, ...secrets, ...ofDisks, ...own, ...linked, ...published];
}

/** @param contributions - of one request: what it opens first, then what hides or pins parts of that */
function targetsOf(contributions: readonly Contribution[], beside: readonly NetworkRule[]) {
  const found: (Pick<Right, "verb" | "target"> & Pick<Extract<Reason, { readonly kind: "answer" }>, "entry">)[] = [];
  const entry = undefined;
  for (const [index, one] of contributions.entries()) {
    if (one.kind === "bind" || one.kind === "copy") {
      const pins = contributions
        .slice(0, index)
        .some((other) => other.kind === "bind" && isWithin(one.source, other.source));
      if (pins) continue;
      const target: FolderTarget = { kind: "folder", path: one.source, except: hiddenIn(one, contributions) };
      found.push({ verb: "read", target, entry });
      if (one.kind === "bind" && one.access === "write") found.push({ verb: "write", target, entry });
    }
    if (one.kind === "pick") {
      for (const [at, file] of one.files.entries()) {
        found.push({ verb: "read", target: chosen(one, file), entry: { list: "files", index: at } });
      }
    }
    if (one.kind === "display") {
      const target = { kind: "screen", screen: one.screen, ...(one.through && { through: one.through }) } as const;
      found.push({ verb: "reach", target, entry });
    }
    if (one.kind === "network")
      found.push({ verb: "reach", target: { kind: "network", part: { kind: "everything", zones: one.zones } }, entry });
    if (one.kind === "card") {
      // What is at the end of its cable is not known: all of it, and this host by way of it.
      const part = { kind: "everything", zones: ["host", "lan"] } as const;
      found.push({ verb: "reach", target: { kind: "network", part }, entry });
    }
    const through = one.kind === "port" ? { through: one.through } : {};
    if (one.kind === "port" && one.rules === undefined) {
      const part = { kind: "everything", zones: one.zones } as const;
      found.push({ verb: "reach", target: { kind: "network", part, ...through }, entry });
    }
    if ((one.kind === "named-network" && one.empty !== true) || one.kind === "port") {
      for (const [at, rule] of (one.rules ?? []).entries()) {
        if (rule.answer === "deny") continue;
        const target = { kind: "network", part: { kind: "rule", rule, beside }, ...through } as const;
        found.push({ verb: "reach", target, entry: { list: "allow", index: at } });
      }
    }
  }
  return found;
}

/** One file, or those that match a pattern. */
function chosen(pick: Extract<Contribution, { kind: "pick" }>, file: string): FolderTarget {
  if (!patternsOf(pick).includes(file)) return { kind: "folder", path: below(pick.source, file), except: [] };
  const { folder, rest } = splitPattern(file);
  const path = folder.length === 0 ? pick.source : below(pick.source, folder.join("/"));
  return { kind: "folder", path, except: [], pattern: rest };
}

/** Host paths below the source that an empty folder lies upon. */
function hiddenIn(
  { source, target }: { readonly source: string; readonly target: string },
  contributions: readonly Contribution[],
): readonly string[] {
  return contributions.flatMap((one) =>
    one.kind === "empty-folder" && one.target !== target && isWithin(one.target, target)
      ? [below(source, one.target.slice(target.length + 1))]
      : [],
  );
}

function below(folder: string, path: string): string {
  return `${folder === "/" ? "" : folder}/${path}`;
}

/** There is a path that both hold and neither hides. */
export function foldersMeet(left: FolderTarget, right: FolderTarget): boolean {
  const inner = isWithin(left.path, right.path) ? left.path : isWithin(right.path, left.path) ? right.path : undefined;
  if (inner === undefined || !matchesBelow(left, inner) || !matchesBelow(right, inner)) return false;
  return ![...left.except, ...right.except].some((hidden) => isWithin(inner, hidden));
}

function matchesBelow({ path, pattern }: FolderTarget, inner: string): boolean {
  if (pattern === undefined) return true;
  const parts = inner.slice(path.length).split("/");
  return mayMeet(
    pattern,
    parts.filter((part) => part !== ""),
  );
}

function isOfSession({ screen, through }: Extract<RightTarget, { kind: "screen" }>): boolean {
  return screen !== "virtual" && through === undefined;
}

function channelsOf(
  rights: readonly Right[],
  known: ReadonlyMap<string, unknown>,
  least: "surely" | "perhaps",
): Graph["channels"] {
  const channels = new Map<string, Map<string, Channel>>();
  const add = (from: string, to: string, by: Channel["by"], sure = true) => {
    if (from === to || !known.has(from) || !known.has(to)) return;
    const leaving = channels.get(from) ?? new Map<string, Channel>();
    channels.set(from, leaving);
    if (!leaving.has(to)) leaving.set(to, { from, to, by, sure });
  };
  const readers = readersByPath(rights);
  for (const right of rights) {
    const { app, verb, target } = right;
    if (verb === "write" && target.kind === "folder")
      for (const reading of readers(target.path))
        if (reading.app !== app && foldersMeet(target, reading.target)) add(app, reading.app, [right, reading.right]);
    // All that it says and hears, or shows, passes that machine.
    if ((target.kind === "network" || target.kind === "screen") && target.through !== undefined) {
      add(app, target.through, [right]);
      add(target.through, app, [right]);
    }
    if (target.kind !== "app") continue;
    // Who connects can say something, and is answered.
    add(app, target.to, [right]);
    add(target.to, app, [right]);
  }
  // Who is on one screen shares its clipboard, and where it is had as it is also sees what the others show there.
  const shared = rights.filter(({ target }) => target.kind === "screen" && isOfSession(target));
  for (const one of shared) for (const other of shared) add(one.app, other.app, [one, other]);
  const places = placesReached(rights, readers);
  // What surely is a channel first: it shows more.
  for (const how of least === "surely" ? (["surely"] as const) : (["surely", "perhaps"] as const))
    for (const { going, there, meeting } of places) {
      if (meeting !== how) continue;
      add(going.app, there.app, [going, there], how === "surely");
      add(there.app, going.app, [there, going], how === "surely");
    }
  return channels;
}
