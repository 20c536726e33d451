/**
 * Builds one layer from its lock: fetch, install behind a wall, compare with the lock, and only then give it its name.
 *
 * A build that ends anywhere leaves nothing but a folder under `building/`, which the next one removes.
 */
import type { LockedLayer, LockedPackage, OsBase } from "../model/index.ts";
import { CAPTURED, engineOf, type InstalledProblem, type Mirrors, mirrorOf } from "../package-engines/index.ts";
import { type Result, refusal, success } from "../result.ts";
import { performAll, type Progress, type Step, type StepProblem, toTheEnd } from "../step/index.ts";
import type { LayerRecord } from "./image.ts";
import { buildTime } from "./build-time.ts";
import type { ImageContext } from "./resolve.ts";
import { sealLayer } from "./seal-layer.ts";

export type BuildProblem =
  | StepProblem
  | InstalledProblem
  | { readonly kind: "unknown-locale"; readonly locale: string }
  | { readonly kind: "special-files"; readonly files: readonly string[] };

/** Files fetched at one time. */
const PARALLEL = 6;

/** A script that asks whether services may be started is told no (Debian policy 9.3.3). */
const POLICY_RC_D = "#!/bin/sh\nexit 101\n";

export interface LayerToBuild {
  readonly key: string;
  readonly layer: LockedLayer;
  readonly base: OsBase;
  /** Keys of the layers below, bottom first. */
  readonly below: readonly string[];
  /** All that must be installed afterwards, the layers below included. */
  readonly expected: readonly LockedPackage[];
}

/** @returns the layer's record, also where it had been built before */
export async function buildLayer(
  wanted: LayerToBuild,
  context: ImageContext,
): Promise<Result<LayerRecord, BuildProblem>> {
  const { performer, store, watch } = context;
  const there = await readLayerRecord(wanted.key, context);
  if (there !== undefined) return success(there);

  const fetched = await fetchPackages(wanted, context);
  if (!fetched.ok) return fetched;
  const folder = store.building(wanted.key);
  const built = await buildIn(folder, wanted, context);
  // Also after an interruption, so not under the signal that ended the build.
  if (!built.ok) await performer.perform({ kind: "remove-tree", path: folder }, toTheEnd(watch));
  return built;
}

async function buildIn(
  folder: string,
  wanted: LayerToBuild,
  context: ImageContext,
): Promise<Result<LayerRecord, BuildProblem>> {
  const { performer, store, watch } = context;
  const started = await performAll(prepare(folder, context), context);
  if (!started.ok) return started;

  watch.report({ kind: "phase", text: `building ${wanted.layer.name}` });
  const engine = engineOf(wanted.base);
  const epoch = await buildTime(wanted.layer.packages, context);
  if (!epoch.ok) return epoch;
  const build = {
    facts: context.facts,
    debs: store.debs,
    packages: wanted.layer.packages,
    folder,
    below: wanted.below.toReversed().map(store.layerFs),
    epoch: epoch.value,
    locale: wanted.layer.locale,
  };
  const commands = wanted.below.length === 0 ? engine.buildBase(build, wanted.base) : engine.buildOnTop(build);
  const done = await performer.perform(
    { kind: "run-inside", why: `build ${wanted.layer.name}`, commands, fills: folder },
    watch,
  );
  if (!done.ok) return withoutSuchLocale(done.problem, wanted.layer.locale);

  const { captured } = done.value;
  const special = (captured[CAPTURED.special] ?? "").split("\n").filter((line) => line !== "");
  if (special.length > 0) return refusal({ kind: "special-files", files: special.slice(0, 20) });
  const compared = engine.compareInstalled(captured[CAPTURED.installed] ?? "", wanted.expected);
  if (!compared.ok) return compared;

  const sealed = await sealLayer(wanted, folder, context);
  if (!sealed.ok) return sealed;

  const record: LayerRecord = {
    digest: sealed.value.digest,
    filesDigest: sealed.value.filesDigest,
    bytes: sealed.value.bytes,
    key: wanted.key,
    name: wanted.layer.name,
    parent: wanted.below.at(-1),
    packages: wanted.layer.packages,
    passwd: captured[CAPTURED.passwd] ?? "",
    group: captured[CAPTURED.group] ?? "",
    built: context.now(),
  };
  const published = await performAll(
    publish(wanted.key, folder, captured[CAPTURED.status] ?? "", record, context),
    context,
  );
  // Another may have made the same meanwhile, and that one counts.
  return published.ok ? success((await readLayerRecord(wanted.key, context)) ?? record) : published;
}

/** localedef(1) has no source of that name: what the host calls its locale is none of the distribution's. */
function withoutSuchLocale(problem: StepProblem, locale: string | undefined): Result<never, BuildProblem> {
  const unknown =
    locale !== undefined && problem.kind === "step-failed" && problem.because.includes("locale definition file");
  return refusal(unknown ? { kind: "unknown-locale", locale } : problem);
}

function prepare(folder: string, { store }: ImageContext): readonly Step[] {
  return [
    // What packages install may be set-id until the end, so nobody else may come near it before.
    { kind: "make-folder", path: store.buildings, mode: 0o700 },
    { kind: "remove-tree", path: folder },
    ...["", "/fs", "/work", "/merged"].map((name): Step => ({ kind: "make-folder", path: folder + name, mode: 0o755 })),
    { kind: "write-file", path: `${folder}/policy-rc.d`, mode: 0o755, content: POLICY_RC_D },
  ];
}

/** The steps by which a layer that is whole gets its name. */
export function publish(
  key: string,
  folder: string,
  status: string,
  record: LayerRecord,
  { store, facts }: ImageContext,
): readonly Step[] {
  const sync = facts.programs["sync"]?.path ?? "/usr/bin/sync";
  return [
    ...["work", "merged", "policy-rc.d"].map((name): Step => ({ kind: "remove-tree", path: `${folder}/${name}` })),
    { kind: "write-file", path: `${folder}/status`, mode: 0o644, content: status },
    {
      kind: "write-file",
      path: `${folder}/layer.json`,
      mode: 0o644,
      content: `${JSON.stringify(record, undefined, 1)}\n`,
    },
    // The name must not reach the disk before the content.
    { kind: "run", why: "bring the layer to the disk", argv: [sync, "--file-system", folder], environment: {} },
    { kind: "rename", from: folder, to: store.layer(key), namedByContent: true },
  ];
}

export async function readLayerRecord(
  key: string,
  { performer, store }: Pick<ImageContext, "performer" | "store">,
): Promise<LayerRecord | undefined> {
  const text = await performer.readText(store.layerRecord(key));
  return text === undefined ? undefined : JSON.parse(text);
}

/** What has to be known of a layer to fetch its packages. */
type LayerToFetch = Pick<LayerToBuild, "layer" | "base">;

export async function fetchPackages(wanted: LayerToFetch, context: ImageContext): Promise<Result<void, StepProblem>> {
  const { performer, store, watch, mirrors } = context;
  const total = wanted.layer.packages.reduce((sum, { size }) => sum + size, 0);
  const count = wanted.layer.packages.length;
  const text = `fetching ${count} ${count === 1 ? "package" : "packages"} for ${wanted.layer.name}`;
  const waiting = [...wanted.layer.packages];
  const enough = new AbortController();
  const either = AbortSignal.any([enough.signal, watch.signal]);
  let done = 0;
  let failed: StepProblem | undefined;
  const report = (bytes: number) => {
    done += bytes;
    watch.report({ kind: "amount", text, done: Math.min(done, total), total, unit: "bytes" });
  };
  if (total > 0) report(0);
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined && failed === undefined; next = waiting.shift()) {
      const locked = next;
      const uris = addressesOf(locked, wanted, mirrors);
      const step: Step = {
        kind: "fetch",
        uris,
        path: store.deb(locked.sha256),
        sha256: locked.sha256,
        size: locked.size,
      };
      let came = 0;
      const hear = (event: Progress) => {
        if (event.kind !== "amount") return;
        report(event.done - came);
        came = event.done;
      };
      const fetched = await performer.perform(step, { signal: either, report: hear });
      if (!fetched.ok) {
        failed ??= fetched.problem;
        // One that cannot be had ends all: the others would be for nothing.
        enough.abort();
        return;
      }
      if (fetched.value.from !== undefined && fetched.value.from === snapshotAddress(locked, wanted, mirrors)) {
        watch.report({
          kind: "note",
          text: `${locked.name} ${locked.version} has left the archive; taken from the snapshot archive`,
        });
      }
      report(locked.size - came);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  return failed === undefined ? success(undefined) : { ok: false, problem: failed };
}

/** The mirror, the archive itself, and what the archive looked like when the lock was made. */
function addressesOf(locked: LockedPackage, wanted: LayerToFetch, mirrors: Mirrors): readonly string[] {
  const archive = wanted.base.archives.find(({ uri }) => uri === locked.archive);
  const near = archive === undefined ? locked.archive : mirrorOf(archive, mirrors);
  const snapshot = snapshotAddress(locked, wanted, mirrors);
  return [
    ...new Set([
      `${near}/${locked.path}`,
      `${locked.archive}/${locked.path}`,
      ...(snapshot === undefined ? [] : [snapshot]),
    ]),
  ];
}

function snapshotAddress(locked: LockedPackage, wanted: LayerToFetch, mirrors: Mirrors): string | undefined {
  const name = wanted.base.archives.find(({ uri }) => uri === locked.archive)?.snapshotName;
  const snapshot = mirrors.snapshot ?? wanted.base.snapshot;
  if (name === undefined || snapshot === undefined) return undefined;
  const time = wanted.layer.resolved.replace(/\.\d+Z$/, "Z").replaceAll(/[-:]/g, "");
  return `${snapshot}/${name}/${time}/${locked.path}`;
}
