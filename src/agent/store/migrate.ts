/**
 * Migrate: the image of a recipe on another base, built beside the one in use and put in its place as an upgrade is.
 *
 * Invariants
 * - Nothing of an instance is touched: deployments, volumes, copies and ids are no part of an image.
 * - The owner's word and the image change by one switch: there is no moment at which one is of the old base and the next
 *   agent would take the other for the new one.
 */
import {
  diffPackages,
  fitsLock,
  type ImageWanted,
  lockImage,
  pendingContext,
  readLockFile,
} from "../../image/index.ts";
import type { PackageChange } from "../../image/index.ts";
import { LOCK_VERSION, type Lock } from "../../model/index.ts";
import { type Result, success } from "../../result.ts";
import { migrationText } from "./base-choice.ts";
import { type AgentContext, imageContext, type Work } from "../context.ts";
import { sha256 } from "./images.ts";
import { buildAndSwitch, changeLine, dropPending, type UpgradeProblem } from "./upgrade.ts";

export type MigrateProblem =
  | UpgradeProblem
  | { readonly kind: "no-successor"; readonly recipe: string; readonly base: string };

export interface Migrated {
  readonly recipe: string;
  readonly from: string;
  readonly to: string;
  readonly changes: readonly PackageChange[];
  /** False with a dry run, and where it stands on that base already. */
  readonly done: boolean;
}

/**
 * @param from - the base that it stands on now
 * @param wanted - with the base that it is to stand on
 */
export async function migrateImage(
  from: string,
  wanted: ImageWanted,
  dryRun: boolean,
  context: AgentContext,
  work: Work,
): Promise<Result<Migrated, MigrateProblem>> {
  const now = imageContext(context, work);
  const pending = pendingContext(now);
  const { name: recipe } = wanted.recipe;
  const to = wanted.base.name;
  try {
    const kept = await readLockFile(now.store.recipeLock(recipe), now);
    if (!kept.ok) return kept;
    const before = kept.value ?? emptyLock(from, context);
    if (from === to && fitsLock(before, wanted, context.facts))
      return success({ recipe, from, to, changes: [], done: false });
    const fresh = await lockImage(wanted, pending);
    if (!fresh.ok) return fresh;
    const changes = diffPackages(before, fresh.value, wanted.base);
    work.report({ kind: "note", text: [`${recipe}, ${from} → ${to}:`, ...changes.map(changeLine)].join("\n  ") });
    if (dryRun) return success({ recipe, from, to, changes, done: false });
    const switched = await buildAndSwitch(wanted, now, pending, migrationText(wanted.recipe, to));
    if (!switched.ok) return switched;
    const lock = sha256((await now.performer.readText(now.store.recipeLock(recipe))) ?? "");
    const packages = changes.map(changeLine).slice(0, 500);
    await context.audit.append({ kind: "migrate", recipe, from, to, lock, packages });
    return success({ recipe, from, to, changes, done: true });
  } finally {
    await dropPending(now, work);
  }
}

/** Of what was never built. */
function emptyLock(base: string, { facts }: AgentContext): Lock {
  return { version: LOCK_VERSION, base, architecture: facts.architecture, layers: [] };
}
