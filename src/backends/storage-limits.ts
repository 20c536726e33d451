/**
 * Storage limits: what is written of reading, writing and space, and can be kept by nobody here. Pure.
 *
 * A folder of the host's has no limit of its own: volumes, copies and granted folders lie on the host's file systems, and
 * what lies in them is not counted by anybody whom an app could not outrun.
 */
import { type CompartmentSpec, isWithin, type Places } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";
import type { BackendProblem, LimitName, Weaker } from "./backend.ts";

/** Of an app whose own data lies in folders of the host's; one that has none keeps every limit on space. */
export function spaceOfFolders(
  { limits, contributions, name, acceptWeaker }: CompartmentSpec,
  places: Places,
): Result<readonly Weaker[], BackendProblem> {
  const volumes = `${places.data}/volumes/${name}`;
  const keeps = contributions.some(
    (one) => one.kind === "copy" || (one.kind === "bind" && one.access === "write" && isWithin(one.source, volumes)),
  );
  if (limits.diskBytes === undefined || !keeps) return success([]);
  return unkept(
    "disk",
    "its volumes and copies are folders of this host, which have no size of their own",
    acceptWeaker,
  );
}

/** How fast a process reads and writes is not held by a container's wall. */
export function speedOfProcesses({ limits, acceptWeaker }: CompartmentSpec): Result<readonly Weaker[], BackendProblem> {
  if (limits.io === undefined) return success([]);
  return unkept("io", "only a virtual machine's reading and writing is held to a rate (isolation: vm)", acceptWeaker);
}

/** A limit that was written: the start is refused, unless its owner has accepted to go without. */
export function unkept(
  limit: LimitName,
  because: string,
  accepted: readonly string[],
): Result<readonly Weaker[], BackendProblem> {
  return accepted.includes(limit)
    ? success([{ limit, because, written: true }])
    : refusal({ kind: "limit-unenforceable", limit, because });
}
