/** Resolve: from wishes to a locked layer, by the package engine in its private root. */
import type { RetiredBase } from "./aging.ts";
import { type HostFacts, type LockedPackage, nearest } from "../model/index.ts";
import { engineOf, type Mirrors, type ResolutionProblem } from "../package-engines/index.ts";
import { type Result, refusal, success } from "../result.ts";
import type { Performer, StepProblem, Watch } from "../step/index.ts";
import type { RepositoryProblem, Sources } from "./repositories.ts";
import type { Store } from "./store.ts";

export interface ImageContext {
  readonly performer: Performer;
  readonly watch: Watch;
  readonly facts: HostFacts;
  readonly store: Store;
  readonly mirrors: Mirrors;
  /** The time now: ISO, UTC. */
  readonly now: () => string;
}

export type ResolveProblem = ResolutionProblem | StepProblem | RepositoryProblem | RetiredBase;

/**
 * Makes the engine's private root and brings its lists up to date.
 *
 * @param whose - how the lists are called where their reading is shown
 */
export async function refreshLists(
  { base, root }: Sources,
  whose: string,
  context: ImageContext,
): Promise<Result<void, ResolveProblem>> {
  const engine = engineOf(base);
  context.watch.report({ kind: "phase", text: `reading the package lists of ${whose}` });
  for (const [name, content] of Object.entries(
    engine.rootFiles(base, root, context.facts.architecture, context.mirrors),
  )) {
    const written = await context.performer.perform(
      { kind: "write-file", path: `${root}/${name}`, mode: 0o644, content },
      context.watch,
    );
    if (!written.ok) return written;
  }
  const { argv, environment } = engine.update(root, context.facts, context.mirrors);
  const updated = await context.performer.perform(
    { kind: "run", why: "read the package lists", argv, environment },
    context.watch,
  );
  if (updated.ok) return success(undefined);
  return updated.problem.kind === "step-failed" ? refusal(engine.readFailure(updated.problem.because)) : updated;
}

/**
 * Resolves one layer's wishes against what lies below.
 *
 * @param status - the engine's record of what is installed below; empty for a base
 * @returns the packages that have to be installed, sorted by name
 */
export async function resolveLayer(
  name: string,
  wanted: readonly string[],
  status: string,
  { base, root }: Sources,
  context: ImageContext,
): Promise<Result<readonly LockedPackage[], ResolveProblem>> {
  const engine = engineOf(base);
  const path = `${root}/${engine.statusFile}`;
  const written = await context.performer.perform(
    { kind: "write-file", path, mode: 0o644, content: status },
    context.watch,
  );
  if (!written.ok) return written;
  if (wanted.length === 0) return success([]);
  const { argv, environment } = engine.resolve(root, wanted, context.facts);
  const resolved = await context.performer.perform(
    { kind: "run", why: `resolve ${name}`, argv, environment },
    context.watch,
  );
  if (!resolved.ok)
    return resolved.problem.kind === "step-failed" ? refusal(engine.readFailure(resolved.problem.because)) : resolved;
  const packages = engine.readResolution(resolved.value.output, base, context.mirrors);
  if (!packages.ok) return packages;
  const unmet = engine.unmet(wanted, packages.value, status);
  if (unmet !== undefined) {
    // Without an answer there is no "did you mean".
    const names = await archiveNames({ base, root }, context);
    return refusal({ kind: "unknown-package", name: unmet, meant: names.ok ? nearest(unmet, names.value) : undefined });
  }
  return packages;
}

/** Every name of a package that the archives have. */
export async function archiveNames(
  { base, root }: Sources,
  context: ImageContext,
): Promise<Result<readonly string[], StepProblem>> {
  const { argv, environment } = engineOf(base).names(root, context.facts);
  const step = { kind: "run", why: "read the names of packages", argv, environment } as const;
  const named = await context.performer.perform(step, context.watch);
  return named.ok ? success(named.value.output.split("\n").filter((name) => name !== "")) : named;
}
