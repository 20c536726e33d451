/**
 * Shares: folders of the host's that are seen in the machine, by 9p. Pure.
 *
 * Behind the outer wall each is put together as in a container, hidden places and copies with it, and below a folder that
 * is the VMM's: so what lies there can be another one later (docs/decisions/0022-*.md). What must not be written is mounted
 * read-only there, so the machine has no say in it, and neither has the VMM.
 */
import { type CompartmentSpec, type Contribution, isWithin, SECRETS_INSIDE } from "../../model/index.ts";
import type { Step } from "../../step/index.ts";
import type { BackendContext } from "../backend.ts";
import { furnish } from "../container/furnish.ts";

/** Where all that belongs to the machine lies behind the outer wall. */
export const INSIDE = "/vm";

/** In the folder of a share, what is shown by it. */
export const HERE = "here";

export interface Share {
  /** Under which it is attached in the machine. */
  readonly name: string;
  /** The device can be written to. Whether a folder can is said by its mount on the host, and changes where it has a slot. */
  readonly writable: boolean;
  /** What is shown from the start can be. */
  readonly written: boolean;
  /** What of it the app sees, and where. */
  readonly seen: { readonly part: string; readonly target: string };
  /** It is there so that a folder can be shown while the app runs; `filled`: and something is shown from the start. */
  readonly slot: "filled" | "bare" | undefined;
}

/** What of the shares the outer wall has to do with. */
export interface OuterShares {
  /** bubblewrap's arguments. */
  readonly shown: readonly string[];
  /** The helper's arguments for what is staged, and for what is mounted in its namespaces. */
  readonly staged: readonly string[];
  readonly mounted: readonly string[];
  readonly steps: readonly Step[];
}

export interface Shares extends OuterShares {
  /** By the contribution that they begin with. */
  readonly of: ReadonlyMap<Contribution, Share>;
  /** Contributions that lie in the share of another one. */
  readonly within: ReadonlySet<Contribution>;
}

/** Each contribution that is a folder or comes from one, with its share. */
export function sharesOf(spec: CompartmentSpec, folder: string, context: BackendContext): Shares {
  const { of, placed } = groupsOf(spec);
  const secrets = spec.contributions.flatMap((one) => {
    const name = of.get(one)?.name;
    if (one.kind !== "secret" || name === undefined) return [];
    return [secretShare(one, `${folder}/stage/${name}`, `${INSIDE}/${name}`, spec, context)];
  });
  const { arguments: shown, staged, mounted, steps } = furnish(spec, folder, context, (one) => placed.get(one));
  return {
    ...{ of, within: new Set([...placed.keys()].filter((one) => !of.has(one))), mounted },
    shown: [...shown, ...secrets.flatMap((one) => one.shown)],
    staged: [...staged, ...secrets.flatMap((one) => one.staged)],
    steps: [...steps, ...secrets.flatMap((one) => one.steps)],
  };
}

/** The share that a request's folder is shown by; undefined where it can have none while it runs. */
export function slotShare(spec: CompartmentSpec, request: string): Share | undefined {
  const slot = spec.contributions.find((one) => one.kind === "slot" && one.request === request);
  // In a system on disks of its own is nothing of ours that could show it.
  return slot === undefined || spec.system !== undefined ? undefined : groupsOf(spec).of.get(slot);
}

/** All that a machine has of the host's folders. */
export function allShares(spec: CompartmentSpec): readonly Share[] {
  return [...groupsOf(spec).of.values()];
}

/** Which shares there are, and where each contribution lies behind the outer wall that is in one. */
function groupsOf({ contributions }: CompartmentSpec) {
  const of = new Map<Contribution, Share>();
  const placed = new Map<Contribution, Contribution>();
  for (const one of contributions) {
    const name = `folder${of.size}`;
    if (one.kind === "secret") {
      const seen = { part: one.name, target: `${SECRETS_INSIDE}/${one.name}` };
      of.set(one, { name, writable: false, written: false, seen, slot: undefined });
    }
    if (!("target" in one) || one.kind === "file") continue;
    const around = one.kind === "slot" ? undefined : innermost(of, one.target);
    if (around === undefined && !BEGINS.has(one.kind)) continue;
    const share = around?.[1] ?? beginning(name, one.target);
    const below = one.target.slice(share.seen.target.length);
    placed.set(one, { ...one, target: `${INSIDE}/${share.name}/${HERE}${below}` });
    const slot = one.kind === "slot" ? "bare" : share.slot === "bare" ? "filled" : share.slot;
    const written = share.written || isWritten(one);
    of.set(around?.[0] ?? one, { ...share, slot, written, writable: written || slot !== undefined });
  }
  return { of, placed };
}

/** With these a share begins; what else is a folder is made in the machine, unless it lies in one. */
const BEGINS: ReadonlySet<string> = new Set(["slot", "bind", "copy", "pick"]);

function beginning(name: string, target: string): Share {
  return { name, writable: false, written: false, seen: { part: HERE, target }, slot: undefined };
}

function isWritten(one: Contribution): boolean {
  return one.kind === "copy" || one.kind === "memory-folder" || (one.kind === "bind" && one.access === "write");
}

function innermost(of: ReadonlyMap<Contribution, Share>, target: string) {
  const around = [...of].filter(([, { seen }]) => seen.part === HERE && isWithin(target, seen.target));
  return around.toSorted(([, left], [, right]) => right.seen.target.length - left.seen.target.length)[0];
}

function secretShare(
  { name, source }: Extract<Contribution, { kind: "secret" }>,
  staged: string,
  inside: string,
  { user: { uid, gid, allocated } }: CompartmentSpec,
  { secrets }: BackendContext,
): OuterShares {
  const kept = secrets ?? noPlace(name);
  const owner = allocated ? { owner: { uid, gid } } : {};
  return {
    shown: ["--ro-bind", staged, inside],
    staged: ["--pick", kept, name, `${staged}/${name}`],
    mounted: [],
    steps: [{ kind: "keep-secret", folder: kept, name, source, ...owner }],
  };
}

/** The caller has asked the host for a place in memory before it asked for a plan. */
function noPlace(secret: string): never {
  throw new Error(`no place in memory for the secret ${secret}`);
}
