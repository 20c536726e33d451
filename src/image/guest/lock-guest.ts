/**
 * Lock of a guest: which kernel and which tools the virtual machines of a base are started with.
 *
 * They are resolved in the base's own archives and kept like every lock. Of all that apt would install with a kernel only
 * the named packages are taken: they are read and never installed, so what their scripts need is not needed.
 */
import type { LockedLayer, LockedPackage, OsBase } from "../../model/index.ts";
import { LOCK_VERSION } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import { same } from "../fits.ts";
import { diffPackages, type PackageChange } from "../package-diff.ts";
import { type ImageProblem, readLockFile } from "../lock-image.ts";
import { writeLock } from "../lock-file.ts";
import { sourcesOf } from "../repositories.ts";
import { type ImageContext, refreshLists, resolveLayer } from "../resolve.ts";

/** Under a name of the archive's that means its newest kernel is one with a number in it. */
const KERNEL_PACKAGE = /^linux-image-\d/;

export type GuestProblem =
  | ImageProblem
  | { readonly kind: "no-guest"; readonly base: string; readonly architecture: string };

/** @param update - resolve anew, also where there is a lock that fits */
export async function lockGuest(
  base: OsBase,
  update: boolean,
  context: ImageContext,
): Promise<Result<LockedLayer, GuestProblem>> {
  const { architecture } = context.facts;
  const guest = base.guest;
  if (guest === undefined || architecture !== "amd64")
    return refusal({ kind: "no-guest", base: base.name, architecture });
  const wanted = [guest.kernel, ...guest.tools];
  const file = context.store.guestLock(base.name);
  const kept = await readLockFile(file, context);
  if (!kept.ok && !update) return kept;
  const [before] = (kept.ok ? kept.value?.layers : undefined) ?? [];
  if (before !== undefined && !update && same(before.wanted, wanted)) return success(before);
  const sources = sourcesOf(base, [], context.store);
  const refreshed = await refreshLists(sources, base.name, context);
  if (!refreshed.ok) return refreshed;
  const resolved = await resolveLayer(GUEST, wanted, "", sources, context);
  if (!resolved.ok) return resolved;
  const packages = resolved.value.filter(({ name }) => KERNEL_PACKAGE.test(name) || guest.tools.includes(name));
  if (kernelOf(packages) === undefined)
    return refusal({ kind: "bad-lock", file, because: `${guest.kernel} brings no kernel` });
  const layer: LockedLayer = {
    ...{ kind: "component", name: GUEST, resolved: context.now(), facts: {}, locale: undefined },
    ...{ wanted, packages, repositories: [] },
  };
  // The time is that of the first resolution, by which a snapshot of the archive has them.
  if (before !== undefined && same([before.wanted, before.packages], [wanted, packages])) return success(before);
  const content = writeLock({ version: LOCK_VERSION, base: base.name, architecture, layers: [layer] });
  const written = await context.performer.perform(
    { kind: "write-file", path: file, mode: 0o644, content },
    context.watch,
  );
  return written.ok ? success(layer) : written;
}

/**
 * Resolves a base's guest anew, where there is one; the next start is made from it.
 *
 * @returns what has changed
 */
export async function renewGuest(
  base: OsBase,
  context: ImageContext,
): Promise<Result<readonly PackageChange[], GuestProblem>> {
  const file = context.store.guestLock(base.name);
  const before = await readLockFile(file, context);
  if (!before.ok) return before;
  if (before.value === undefined) return success([]);
  const renewed = await lockGuest(base, true, context);
  if (!renewed.ok) return renewed;
  return success(diffPackages(before.value, { ...before.value, layers: [renewed.value] }, base));
}

const GUEST = "guest";

export function kernelOf(packages: readonly LockedPackage[]): LockedPackage | undefined {
  return packages.find(({ name }) => KERNEL_PACKAGE.test(name));
}
