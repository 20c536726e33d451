/**
 * What `setup` would do on this host, as data. Pure: the command shows it, asks, and then does exactly this.
 *
 * Invariants
 * - As root it does nothing but what stands in the plan: packages, and a range of ids for one user.
 */
import {
  type DebianPackage,
  freeRange,
  type HelperState,
  RANGE_SIZE,
  rangeOf,
  type Support,
  supportOf,
} from "../host/index.ts";
import type { HostFacts } from "../model/index.ts";
import { type Result, refusal, success, unreachable } from "../result.ts";

export type SetupAction =
  | { readonly kind: "install"; readonly packages: readonly DebianPackage[] }
  | {
      readonly kind: "add-ids";
      readonly user: string;
      readonly first: number;
      readonly count: number;
      readonly files: readonly IdFile[];
    }
  | { readonly kind: "build-helper" };

export type IdFile = "subuid" | "subgid";

export interface SetupPlan {
  readonly support: Support;
  readonly actions: readonly SetupAction[];
  /** The helper is missing or old, in a folder that this user may not write: somebody else has to build it. */
  readonly helperNotOurs: string | undefined;
}

export type SetupProblem =
  /** Nobody has taught us this distribution's package names. */
  | {
      readonly kind: "unknown-distribution";
      readonly distribution: string;
      readonly packages: readonly DebianPackage[];
    }
  | { readonly kind: "no-free-ids" };

export interface SetupSigns {
  readonly facts: HostFacts;
  readonly missing: readonly DebianPackage[];
  /** Contents of subuid(5) and subgid(5). */
  readonly subuid: string;
  readonly subgid: string;
  readonly helper: HelperState;
}

export function planSetup({ facts, missing, subuid, subgid, helper }: SetupSigns): Result<SetupPlan, SetupProblem> {
  const support = supportOf(facts.distribution);
  if (missing.length > 0 && support === "unknown") {
    return refusal({ kind: "unknown-distribution", distribution: facts.distribution, packages: missing });
  }
  const actions: SetupAction[] = missing.length > 0 ? [{ kind: "install", packages: missing }] : [];
  const files = (["subuid", "subgid"] as const).filter((file) => {
    const range = rangeOf(file === "subuid" ? subuid : subgid, facts.user, facts.uid);
    return range === undefined || range.count < RANGE_SIZE;
  });
  if (files.length > 0) {
    const range = freeRange(subuid, subgid);
    if (range === undefined) return refusal({ kind: "no-free-ids" });
    actions.push({ kind: "add-ids", user: facts.user, ...range, files });
  }
  const stale = helper.kind === "stale";
  if (stale && helper.writable) actions.push({ kind: "build-helper" });
  return success({ support, actions, helperNotOurs: stale && !helper.writable ? helper.path : undefined });
}

/** The argument list that does it as root; undefined for what needs no root. */
export function rootCommand(action: SetupAction): readonly [string, ...string[]] | undefined {
  switch (action.kind) {
    case "install":
      return ["apt-get", "install", "--yes", "--no-install-recommends", ...action.packages.map(({ name }) => name)];
    case "add-ids": {
      const range = `${action.first}-${action.first + action.count - 1}`;
      return ["usermod", ...action.files.flatMap((file) => [`--add-${file}s`, range]), action.user];
    }
    case "build-helper":
      return undefined;
    default:
      return unreachable(action);
  }
}

/** Lines for a person, before the question. */
export function describeAction(action: SetupAction): readonly string[] {
  switch (action.kind) {
    case "install": {
      const width = Math.max(...action.packages.map(({ name }) => name.length));
      return [
        "install these Debian packages (as root):",
        ...action.packages.map(({ name, purpose }) => `  ${name.padEnd(width)}  to ${purpose}`),
      ];
    }
    case "add-ids":
      return [
        `give ${action.user} the ids ${action.first} to ${action.first + action.count - 1} in ${action.files.map((file) => `/etc/${file}`).join(" and ")} (as root)`,
      ];
    case "build-helper":
      return ["build Skerry's small helper program with this host's compiler"];
    default:
      return unreachable(action);
  }
}
