/**
 * Upgrade and rollback: another lock for an image, shown as a package diff, built beside the old one, and then put in its
 * place. What runs goes on with what it was started from.
 *
 * Both are called in turn with builds: of two upgrades at once the second sees what the first has done.
 */
import {
  buildImage,
  diffPackages,
  fitsLock,
  type Image,
  type ImageContext,
  type ImageWanted,
  lockImage,
  type PackageChange,
  pendingContext,
  readLockFile,
  readPrevious,
  readState,
  securityOnly,
  settleLock,
  switchImage,
  writeLock,
  writeSbom,
} from "../../image/index.ts";
import { LOCK_VERSION, type Lock } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import { type StepProblem, toTheEnd } from "../../step/index.ts";
import { type AgentContext, imageContext, type Work } from "../context.ts";
import { type BuildImageProblem, sha256 } from "./images.ts";

export type UpgradeProblem =
  | BuildImageProblem
  | { readonly kind: "no-lock"; readonly recipe: string }
  | { readonly kind: "no-previous"; readonly recipe: string }
  | { readonly kind: "other-recipe"; readonly recipe: string };

export interface UpgradeOptions {
  readonly security: boolean;
  readonly dryRun: boolean;
}

export interface Upgraded {
  readonly recipe: string;
  readonly changes: readonly PackageChange[];
  /** False with a dry run, and where there was nothing to change. */
  readonly done: boolean;
}

export async function upgradeImage(
  wanted: ImageWanted,
  { security, dryRun }: UpgradeOptions,
  context: AgentContext,
  work: Work,
): Promise<Result<Upgraded, UpgradeProblem>> {
  const now = imageContext(context, work);
  const pending = pendingContext(now);
  const { name: recipe } = wanted.recipe;
  try {
    const before = await readLockFile(now.store.recipeLock(recipe), now);
    if (!before.ok) return before;
    if (before.value === undefined) return refusal({ kind: "no-lock", recipe });
    const fresh = await freshLock(before.value, wanted, security, pending);
    if (!fresh.ok) return fresh;
    const changes = diffPackages(before.value, fresh.value, wanted.base);
    const same = changes.length === 0 && fitsLock(before.value, wanted, context.facts);
    if (same) return success({ recipe, changes, done: false });
    work.report({ kind: "note", text: [`${recipe}:`, ...changes.map(changeLine)].join("\n  ") });
    if (dryRun) return success({ recipe, changes, done: false });
    const from = await now.performer.readText(now.store.recipeLock(recipe));
    const switched = await buildAndSwitch(wanted, now, pending);
    if (!switched.ok) return switched;
    await context.audit.append({
      kind: "upgrade",
      recipe,
      security,
      from: sha256(from ?? ""),
      lock: sha256((await now.performer.readText(now.store.recipeLock(recipe))) ?? ""),
      packages: changes.map(changeLine).slice(0, 500),
    });
    return success({ recipe, changes, done: true });
  } finally {
    await dropPending(now, work);
  }
}

/** What was made beside and is not needed any more goes, also when the caller has left. */
export async function dropPending({ performer, store }: ImageContext, work: Work): Promise<void> {
  await performer.perform({ kind: "remove-tree", path: store.pending }, toTheEnd(work));
}

/** The old image and its lock again; what they replace can be had back by the same command. */
export async function rollbackImage(
  wanted: ImageWanted,
  context: AgentContext,
  work: Work,
): Promise<Result<Upgraded, UpgradeProblem>> {
  const now = imageContext(context, work);
  const pending = pendingContext(now);
  const { name: recipe } = wanted.recipe;
  const previous = await readPrevious(recipe, now);
  if (previous === undefined) return refusal({ kind: "no-previous", recipe });
  try {
    const written = await writeFile(pending.store.recipeLock(recipe), previous.lock, now);
    if (!written.ok) return written;
    const lock = await readLockFile(pending.store.recipeLock(recipe), pending);
    if (!lock.ok) return lock;
    if (lock.value === undefined || !fitsLock(lock.value, wanted, context.facts))
      return refusal({ kind: "other-recipe", recipe });
    const before = await readLockFile(now.store.recipeLock(recipe), now);
    const changes = before.ok && before.value !== undefined ? diffPackages(before.value, lock.value, wanted.base) : [];
    const switched = await buildAndSwitch(wanted, now, pending, previous.migration);
    if (!switched.ok) return switched;
    await context.audit.append({
      kind: "rollback",
      recipe,
      lock: sha256(previous.lock),
      packages: changes.map(changeLine).slice(0, 500),
    });
    return success({ recipe, changes, done: true });
  } finally {
    await dropPending(now, work);
  }
}

async function freshLock(
  before: Lock,
  wanted: ImageWanted,
  security: boolean,
  pending: ImageContext,
): Promise<Result<Lock, UpgradeProblem>> {
  const all = await lockImage({ ...wanted, update: true }, pending);
  if (!all.ok || !security) return all;
  const only = securityOnly(before, all.value, wanted.base);
  if (only === undefined) return refusal({ kind: "other-recipe", recipe: wanted.recipe.name });
  const written = await writeFile(pending.store.recipeLock(wanted.recipe.name), writeLock(only), pending);
  if (!written.ok) return written;
  // What other recipes are locked on next has the same security updates, and no others.
  const shared: Lock = { ...only, version: LOCK_VERSION, layers: only.layers.slice(0, 1) };
  const below = await writeFile(pending.store.baseLock(wanted.base.name), writeLock(shared), pending);
  return below.ok ? success(only) : below;
}

/** @param migration - the text by which it stands on that base; undefined for as it is */
export async function buildAndSwitch(
  wanted: ImageWanted,
  now: ImageContext,
  pending: ImageContext,
  migration?: string,
): Promise<Result<Image, UpgradeProblem>> {
  const recipe = wanted.recipe.name;
  const built = await buildImage({ ...wanted, update: false }, pending);
  if (!built.ok) return built;
  const settled = await settleLock(built.value, pending);
  if (!settled.ok) return settled;
  const sbom = await writeSbom(built.value, pending);
  if (!sbom.ok) return sbom;
  const next = await readState(recipe, pending);
  if (next === undefined) throw new Error(`what was built of ${recipe} has no record`);
  const base = await pending.performer.readText(pending.store.baseLock(wanted.base.name));
  const switched = await switchImage(recipe, migration === undefined ? next : { ...next, migration }, now);
  if (!switched.ok) return switched;
  if (base !== undefined && base !== (await now.performer.readText(now.store.baseLock(wanted.base.name)))) {
    const shared = await writeFile(now.store.baseLock(wanted.base.name), base, now);
    if (!shared.ok) return shared;
  }
  return built;
}

async function writeFile(path: string, content: string, context: ImageContext): Promise<Result<void, StepProblem>> {
  const step = { kind: "write-file", path, mode: 0o644, content } as const;
  const written = await context.performer.perform(step, context.watch);
  return written.ok ? success(undefined) : written;
}

export function changeLine({ name, before, after, security }: PackageChange): string {
  const what =
    before === undefined ? `new, ${after}` : after === undefined ? `goes (was ${before})` : `${before} → ${after}`;
  return `${name}: ${what}${security ? " (security)" : ""}`;
}
