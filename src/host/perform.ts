/**
 * The real performer: the one place that acts on what was decided.
 *
 * Invariants
 * - It writes and removes below Skerry's own folders only; session files and what an owner wants exported by steps of
 *   their own. A step for any other place is a fault.
 * - It decides nothing: a step says all there is to do.
 */
import { closeSync, existsSync, mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { type HostFacts, isCleanAbsolutePath, isWithin, type Places, type SessionPlaces } from "../model/index.ts";
import { type Result, refusal, success, unreachable } from "../result.ts";
import {
  describe,
  type Performed,
  type Performer,
  type Step,
  type StepProblem,
  type TreeTask,
  type Watch,
} from "../step/index.ts";
import { exportImage } from "./export-image.ts";
import { fetchFile } from "./fetch.ts";
import { behindLinks, hasCode, listIfThere, makeFolder, readTextIfThere, writeVolatile, writeWhole } from "./files.ts";
import { writeCpio, withFolders } from "./guest/cpio.ts";
import { makeGuest } from "./guest/make-guest.ts";
import { openPlain, readDocument, unpackLayout } from "./import-files.ts";
import { bindDevice } from "./pci/bind-device.ts";
import { runInside } from "./run-inside.ts";
import { runProgram } from "./run-program.ts";
import { runTree } from "./run-tree.ts";
import { dropSecrets, keepSecret } from "./secrets.ts";
import { replaceSessionFile } from "./session-file.ts";
import { startWall } from "./start-wall.ts";

type Outcome = Result<Performed, StepProblem>;

const NOTHING: Performed = { output: "", captured: {}, from: undefined };

/** Of what a failed program said. */
const WORDS_LIMIT = 4000;

export interface HostSettings {
  readonly facts: HostFacts;
  readonly places: Places;
  readonly proxy: string | undefined;
  readonly session: SessionPlaces;
}

export function realPerformer(settings: HostSettings): Performer {
  return {
    perform: async (step, watch) => {
      if (watch.signal.aborted) return refusal({ kind: "interrupted" });
      try {
        return await act(step, watch, settings);
      } catch (error) {
        return failure(step, error);
      }
    },
    readText: async (path) =>
      await readTextIfThere(path, { links: isWithin(path, settings.places.config) ? "followed" : "refused" }),
    list: listIfThere,
  };
}

async function act(step: Step, watch: Watch, settings: HostSettings): Promise<Outcome> {
  switch (step.kind) {
    case "make-folder":
      await makeFolder(own(step.path, settings), step.mode, step.owner);
      return success(NOTHING);
    case "write-file":
      if (step.namedByContent === true && existsSync(own(step.path, settings))) return success(NOTHING);
      // Nothing there outlives the boot.
      if (isWithin(step.path, settings.places.runtime)) writeVolatile(step.path, step.content, step.mode);
      else await writeWhole(await ownersPlace(own(step.path, settings), settings), step.content, step.mode);
      return success(NOTHING);
    case "write-archive":
      writeVolatile(own(step.path, settings), writeCpio(withFolders(step.entries), step.fillBytes), step.mode);
      return success(NOTHING);
    case "make-guest":
      return await madeGuest({ ...step, folder: own(step.folder, settings) }, watch);
    case "remove-tree":
      return await removeTree(own(step.path, settings), watch, settings);
    case "replace-session-file": {
      const replaced = await replaceSessionFile(step, settings.session);
      if (replaced.ok) return success(NOTHING);
      return refusal({ kind: "step-failed", step: `write ${step.path}`, because: "somebody else has just changed it" });
    }
    case "rename":
      await mkdir(own(step.to, settings).replace(/\/[^/]*$/, ""), { recursive: true });
      return await renamed(step, watch, settings);
    case "fetch": {
      let done = 0;
      const onBytes = (bytes: number) => {
        done += bytes;
        watch.report({ kind: "amount", text: step.path, done, total: step.size, unit: "bytes" });
      };
      const fetched = await fetchFile(
        { ...step, path: own(step.path, settings) },
        { signal: watch.signal, proxy: settings.proxy, onBytes },
      );
      return fetched.ok ? success({ ...NOTHING, from: fetched.value }) : fetched;
    }
    case "run":
      return await run(step, watch, settings);
    case "run-inside":
      return await inside(step, watch, settings);
    case "export-image": {
      const [target, beside] = [ownersOwn(step.target, settings), besideOwners(step.beside, settings)];
      const exported = await exportImage({ ...step, target, beside }, settings.facts, watch);
      return exported.ok ? success(NOTHING) : exported;
    }
    case "remove-part":
      if (existsSync(dirname(step.beside)))
        await rm(besideOwners(step.beside, settings), { recursive: true, force: true });
      return success(NOTHING);
    case "work-on-tree": {
      for (const path of treePaths(step.task)) own(path, settings);
      const done = await workOnTree(step, watch, settings);
      return done.ok ? success({ ...NOTHING, output: done.value }) : done;
    }
    case "read-document": {
      const text = readDocument(step);
      return text.ok ? success({ ...NOTHING, output: text.value }) : text;
    }
    case "unpack-layout": {
      const unpacked = await unpackLayout({ ...step, folder: own(step.folder, settings) }, watch.signal);
      return unpacked.ok ? success(NOTHING) : unpacked;
    }
    case "keep-secret": {
      const kept = await keepSecret(step, settings.places);
      return kept.ok ? success(NOTHING) : kept;
    }
    case "drop-secrets":
      await dropSecrets(step.id, settings.places);
      return success(NOTHING);
    case "bind-device":
      return await bindDevice(step).then(
        () => success(NOTHING),
        (error: unknown) => refusal({ kind: "step-failed", step: describe(step)[0] ?? "", because: String(error) }),
      );
    case "make-cgroup":
      mkdirSync(step.path, { recursive: true });
      for (const [file, value] of Object.entries(step.settings)) writeFileSync(`${step.path}/${file}`, value);
      return success(NOTHING);
    case "start-wall":
      return await startWall(step, settings.places);
    default:
      return unreachable(step);
  }
}

async function workOnTree(
  { why, task, reads }: Extract<Step, { kind: "work-on-tree" }>,
  watch: Watch,
  { facts }: HostSettings,
): Promise<Result<string, StepProblem>> {
  if (reads === undefined) return await runTree(facts, why, task, watch);
  const file = openPlain(reads);
  if (file === undefined)
    return refusal({ kind: "step-failed", step: why, because: `there is no plain file ${reads}` });
  try {
    return await runTree(facts, why, task, watch, file);
  } finally {
    closeSync(file);
  }
}

/** What a package holds is for its distribution to have right; that it has not is no fault of ours. */
async function madeGuest(step: Extract<Step, { kind: "make-guest" }>, { signal }: Watch): Promise<Outcome> {
  try {
    await makeGuest(step, signal);
    return success(NOTHING);
  } catch (error) {
    if (signal.aborted) return refusal({ kind: "interrupted" });
    if (error instanceof TypeError || hasCode(error, "ENOSPC")) throw error;
    return refusal({ kind: "step-failed", step: describe(step)[0] ?? "", because: String(error) });
  }
}

/** The kernel puts no folder in the place of one that holds something, so of two who have made the same one is first. */
async function renamed(
  { from, to, namedByContent }: Extract<Step, { kind: "rename" }>,
  watch: Watch,
  settings: HostSettings,
): Promise<Outcome> {
  try {
    await rename(own(from, settings), to);
  } catch (error) {
    if (namedByContent !== true || !(hasCode(error, "ENOTEMPTY") || hasCode(error, "EEXIST"))) throw error;
    return await removeTree(from, watch, settings);
  }
  return success(NOTHING);
}

/** Every path that is written or removed passes here. */
function own(path: string, { places }: HostSettings): string {
  const roots = [places.config, places.data, places.state, places.cache, places.runtime];
  const inside = roots.some((root) => path !== root && isWithin(path, root)) || roots.includes(path);
  if (!isCleanAbsolutePath(path) || !inside)
    throw new Error(`a step wants to change ${path}, which is not Skerry's own`);
  return path;
}

/** The other way round: what the owner asked for never goes into Skerry's own folders, by whatever links. */
function ownersOwn(path: string, { places }: HostSettings): string {
  const real = `${realpathSync(dirname(path))}/${basename(path)}`;
  const roots = [places.config, places.data, places.state, places.cache, places.runtime];
  if (!isCleanAbsolutePath(path) || roots.some((root) => isWithin(real, root) || isWithin(real, realOf(root))))
    throw new Error(`a step wants to write ${path} for the owner, which is no place for that`);
  return real;
}

/** A name that only an unfinished export has. */
function besideOwners(path: string, settings: HostSettings): string {
  if (!/^\..+\.[0-9a-f]{8}\.part$/s.test(basename(path)))
    throw new Error(`a step wants to change ${path}, which is no unfinished export`);
  return ownersOwn(path, settings);
}

function realOf(path: string): string {
  return existsSync(path) ? realpathSync(path) : path;
}

/** Every path that a tree task touches; what it writes as well as what it only reads. */
function treePaths(task: TreeTask): readonly string[] {
  switch (task.kind) {
    case "verify":
      return [task.tree, task.files];
    case "seal":
      return [task, ...task.candidates].flatMap(({ tree, files }) => [tree, files]);
    case "export":
      return [task.tree];
    case "unpack":
      return [task.tree, ...task.below];
    case "diff":
      return [...task.left, ...task.right];
    case "measure":
      return task.groups.flat();
    default:
      return unreachable(task);
  }
}

/** The owner may keep deployments and recipes elsewhere, with links to them. */
async function ownersPlace(path: string, { places }: HostSettings): Promise<string> {
  return isWithin(path, places.config) ? await behindLinks(path) : path;
}

async function run(step: Extract<Step, { kind: "run" }>, watch: Watch, { facts }: HostSettings): Promise<Outcome> {
  // What nobody waits for any more must not go on: it would still hold its locks when the next agent comes.
  const setpriv = facts.programs["setpriv"]?.path;
  const argv = setpriv === undefined ? step.argv : ([setpriv, "--pdeathsig", "KILL", "--", ...step.argv] as const);
  const end = await runProgram(argv, {
    environment: step.environment,
    signal: watch.signal,
    ...(step.input === undefined ? {} : { input: step.input }),
    ...(step.reports === true ? { onOutput: reportTo(step.why, watch) } : {}),
  });
  if (!end.ok) {
    if (end.problem.kind === "interrupted") return refusal({ kind: "interrupted" });
    return refusal({ kind: "step-failed", step: step.why, because: `${step.argv[0]}: ${end.problem.kind}` });
  }
  const { code, stdout, stderr } = end.value;
  if (code === 0) return success({ ...NOTHING, output: stdout });
  const words = `${stdout}${stderr}`.slice(-WORDS_LIMIT).trim();
  return refusal({ kind: "step-failed", step: step.why, because: words === "" ? `exit code ${code}` : words });
}

/** Whole lines count; what else it says there is for the case that it fails. */
function reportTo(text: string, watch: Watch) {
  let rest = "";
  return (stream: "stdout" | "stderr", piece: string) => {
    if (stream !== "stderr") return;
    const lines = (rest + piece).split("\n");
    rest = (lines.pop() ?? "").slice(0, WORDS_LIMIT);
    const last = lines.flatMap((line) => /^\{"done":(\d{1,9}),"total":(\d{1,9})\}$/.exec(line) ?? []).slice(-3);
    const [, done, total] = last;
    if (done !== undefined && total !== undefined)
      watch.report({ kind: "amount", text, done: Number(done), total: Number(total), unit: "steps" });
  };
}

async function inside(
  step: Extract<Step, { kind: "run-inside" }>,
  watch: Watch,
  { facts }: HostSettings,
): Promise<Outcome> {
  const total = step.commands.length;
  const end = await runInside(facts, step.commands, {
    signal: watch.signal,
    ...(step.fills === undefined ? {} : { fills: step.fills }),
    onStart: (done, text) => watch.report({ kind: "amount", text, done, total, unit: "steps" }),
  });
  if (end.ok) return success({ ...NOTHING, captured: end.value });
  const { problem } = end;
  if (problem.kind !== "inside-failed") return { ok: false, problem };
  if (/No space left on device|Disk quota exceeded|You don't have enough free space/.test(problem.because))
    return refusal({ kind: "no-space", path: step.why });
  const words = problem.because.trim().slice(-WORDS_LIMIT);
  return refusal({
    kind: "step-failed",
    step: `${step.why}: ${problem.label}`,
    because: words === "" ? `exit code ${problem.code}` : words,
  });
}

/** What belongs to subordinate ids can be removed only in a namespace that holds them. */
async function removeTree(path: string, watch: Watch, settings: HostSettings): Promise<Outcome> {
  try {
    await rm(path, { recursive: true, force: true });
    return success(NOTHING);
  } catch (error) {
    // What an app has made can also be nested deeper than a path may be long; rm(1) goes down step by step.
    if (!["EACCES", "EPERM", "ENAMETOOLONG"].some((code) => hasCode(error, code))) throw error;
  }
  const label = `remove ${path}`;
  const environment = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8" };
  const argv = ["/usr/bin/rm", "-rf", "--one-file-system", "--", path] as const;
  return await inside({ kind: "run-inside", why: label, commands: [{ label, environment, argv }] }, watch, settings);
}

function failure(step: Step, error: unknown): Outcome {
  if (hasCode(error, "ENOSPC") || hasCode(error, "EDQUOT")) {
    return refusal({ kind: "no-space", path: "path" in step ? step.path : step.kind });
  }
  const isSystems = error instanceof Error && "code" in error && typeof error.code === "string" && "syscall" in error;
  if (!isSystems) throw error;
  return refusal({ kind: "step-failed", step: describe(step)[0] ?? step.kind, because: error.message });
}
