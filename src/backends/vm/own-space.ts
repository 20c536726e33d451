/**
 * Own space: whether what a system of its own can ever keep is within the limit that its owner wrote. Pure.
 *
 * Nobody counts while it runs: each of its own disks has a size that it cannot pass, and so has each snapshot of one.
 */
import type { CompartmentSpec } from "../../model/index.ts";
import { type Result, success } from "../../result.ts";
import type { BackendProblem, Weaker } from "../backend.ts";
import { unkept } from "../storage-limits.ts";

const MEBIBYTE = 1024 * 1024;

export function spaceOfDisks(spec: CompartmentSpec): Result<readonly Weaker[], BackendProblem> {
  const { limits, contributions, acceptWeaker } = spec;
  if (limits.diskBytes === undefined) return success([]);
  // What it writes to a copy of a folder lies in a folder of this host.
  if (contributions.some(({ kind }) => kind === "copy"))
    return unkept("disk", "copies of folders are folders of this host, which have no size of their own", acceptWeaker);
  const disks = contributions.flatMap((one) => (one.kind === "disk" && one.mostBytes !== undefined ? [one] : []));
  const most = disks.reduce((sum, { mostBytes = 0 }) => sum + mostBytes, 0);
  if (most <= limits.diskBytes) return success([]);
  const each = disks.map(({ name, mostBytes = 0 }) => `${name} ${sizeText(mostBytes)}`).join(", ");
  const because = `with their snapshots, its own disks can take ${sizeText(most)} (${each}), and the limit is ${sizeText(limits.diskBytes)}`;
  return unkept("disk", because, acceptWeaker);
}

/** In whole MiB, and never less than it is. */
function sizeText(bytes: number): string {
  return `${Math.ceil(bytes / MEBIBYTE)} MiB`;
}
