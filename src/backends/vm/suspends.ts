/**
 * Suspends: which machines can be written down while they run, and what another one must be like that goes on from there. Pure.
 *
 * Invariant: what it goes on with has all of its devices: the digest is of all that its VMM is told, and of what is seen where.
 */
import { createHash } from "node:crypto";
import type { CompartmentSpec } from "../../model/index.ts";
import type { MachineFiles, NotSuspended, WallPlan } from "../backend.ts";
import { allShares, INSIDE } from "./shares.ts";
import { systemAttachments } from "./system-entry.ts";
import { templateKey } from "./template.ts";
import type { Vmm } from "./vmm.ts";

/** Where what was written down is seen behind the outer wall. */
export const SUSPENDED = `${INSIDE}/suspended`;

/** @param words - of the VMM, for a machine that boots */
export function suspendsOf(
  spec: CompartmentSpec,
  machine: MachineFiles,
  vmm: Vmm,
  version: string,
  { words, startBytes }: { readonly words: readonly string[]; readonly startBytes: number },
): NonNullable<WallPlan["suspends"]> {
  const because = reasonOf(spec, vmm);
  if (because !== undefined) return { because };
  const seen = allShares(spec).map(({ name, seen: { target } }) => [name, target]);
  const key = [templateKey(words, machine, version, startBytes), seen];
  return { key: createHash("sha256").update(JSON.stringify(key)).digest("hex").slice(0, 32) };
}

function reasonOf({ guest, contributions }: CompartmentSpec, { can }: Vmm): NotSuspended | undefined {
  const kinds = new Set(contributions.map(({ kind }) => kind));
  // An app's streams are its monitor's, and would end with it.
  if (guest !== "system") return "app";
  if (kinds.has("ports")) return "provider";
  if (kinds.has("card")) return "card";
  // Its memory comes to the disk, and a secret is to be in memory alone.
  if (kinds.has("secret")) return "secret";
  return can.has("snapshots") ? undefined : "vmm";
}

/** In front of the VMM's own words, and behind them: it waits, goes on, and what it had is shown in it again. */
export function resumeWords(spec: CompartmentSpec, words: readonly string[]): readonly string[] {
  const back = systemAttachments(spec, allShares(spec)).flatMap(({ attach, show, filled }) =>
    filled ? [attach, show] : [attach],
  );
  return ["--resume", SUSPENDED, JSON.stringify(back), ...words, "-incoming", "defer"];
}
