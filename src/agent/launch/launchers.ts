/**
 * Launchers: writes for each instance a start in which nothing is left to decide, and takes it away before anything that
 * it was made from is changed.
 *
 * The start script uses a launcher without this agent (compartment/launcher.ts). What it was made from is in it as a
 * copy, or as what stat(1) said.
 *
 * Invariants
 * - A launcher does what a start the full way would do: it is made from a second plan that equals the first, and what
 *   stat(1) said lies between the two, so nothing has changed unseen meanwhile.
 * - There is none for what somebody has to be asked about at each start: only what LAUNCHABLE names is let through.
 */
import { readFileSync } from "node:fs";
import {
  FILE_FORMAT,
  FOLDER_FORMAT,
  type LauncherInputs,
  launcherText,
  type NoLauncher,
  type PlannedStart,
  type Stated,
} from "../../compartment/index.ts";
import { runProgram } from "../../host/index.ts";
import type { Contribution, Program } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import type { Step } from "../../step/index.ts";
import { findDeployment, findRecipe, definitions } from "../catalogue.ts";
import { type AgentContext, QUIET } from "../context.ts";
import { answeredAt } from "../grants/answered-at.ts";
import { seenFor } from "../grants/pending.ts";
import type { Images } from "../store/images.ts";
import { grantedAs, linesOf, programFiles, systemFiles } from "./launcher-files.ts";
import { launchedRecord, spoolFolder } from "./spool.ts";
import { isWatched } from "../grants/chosen-files.ts";
import { type Chosen, instanceFolder, type Prepared, prepare } from "./launch.ts";
import { NO_WORDS } from "./wanted.ts";

/** What can be let in without asking anybody. */
const LAUNCHABLE: ReadonlySet<Contribution["kind"]> = new Set([
  ...(["bind", "pick", "empty-folder", "slot", "memory-folder", "file", "variable"] as const),
]);

/** A launcher is not believed for longer, whatever has happened. */
const EXPIRES_AFTER_S = 24 * 60 * 60;

/** A file that changed so recently could change again without another time of change (the clock's step, generously). */
const SETTLED_AFTER_MS = 2_000;

const TRIES = 5;

type Answer<Value> = Promise<Result<Value, NoLauncher>>;

export class Launchers {
  readonly #context: AgentContext;
  readonly #images: Images;
  readonly #waiting = new Map<string, NodeJS.Timeout>();
  readonly #writing = new Map<string, Promise<unknown>>();

  constructor(context: AgentContext, images: Images) {
    this.#context = context;
    this.#images = images;
  }

  /** Writes one as soon as what it is made from has settled. That there can be none is no fault: starts go the full way. */
  want(name: string, tries = TRIES): void {
    clearTimeout(this.#waiting.get(name));
    const timer = setTimeout(() => {
      this.#waiting.delete(name);
      void this.write(name)
        .then((written) => {
          if (!written.ok && written.problem.because === UNSETTLED && tries > 1) this.want(name, tries - 1);
        })
        .catch(() => {});
    }, SETTLED_AFTER_MS);
    timer.unref();
    this.#waiting.set(name, timer);
  }

  /** Before anything is changed that a launcher may have been made from. */
  async drop(name: string): Promise<void> {
    clearTimeout(this.#waiting.get(name));
    this.#waiting.delete(name);
    const path = launcherFolder(name, this.#context);
    // One that is just being written would come after its removal.
    await this.#writing.get(name)?.catch(() => {});
    // The text first, by itself: without it the rest is nothing.
    for (const part of [`${path}/start`, path])
      await this.#context.performer.perform({ kind: "remove-tree", path: part }, QUIET);
  }

  /** The same for all instances, since an image may serve several. */
  async dropAll(): Promise<void> {
    for (const name of await this.#context.performer.list(`${this.#context.places.runtime}/instances`))
      await this.drop(name);
  }

  /** One after another, so that whoever drops it knows the last. */
  async write(name: string): Answer<void> {
    const before = this.#writing.get(name) ?? Promise.resolve();
    const mine = before.catch(() => {}).then(async () => await this.#write(name));
    this.#writing.set(name, mine);
    return await mine;
  }

  async #write(name: string): Answer<void> {
    const { performer } = this.#context;
    const first = await this.#plans(name);
    if (!first.ok) return first;
    const { files, folders, plainFolders, mountsMatter, absent } = first.value;
    // Before the second plan, as what stat(1) says: that plan has found nothing amiss with what came later.
    const mounts = readFileSync("/proc/self/mountinfo", "utf8");
    const [fileLines, folderLines] = [await stated(FILE_FORMAT, files), await stated(FOLDER_FORMAT, folders)];
    if (fileLines === undefined || folderLines === undefined) return no("a file that it needs is not there");
    if (!isSettled(fileLines.said)) return no(UNSETTLED);
    const second = await this.#plans(name);
    if (!second.ok) return second;
    if (sameIds(first.value) !== sameIds(second.value)) return no(UNSETTLED);
    const { plain, withTerminal, deployment, recipe, takes, notes, steps } = second.value;
    const launcher = launcherText(plain, withTerminal, {
      ...(await this.#moment()),
      places: placesText(process.env),
      claim: `${instanceFolder(name, this.#context.places)}/claim`,
      compartments: `${this.#context.places.runtime}/compartments`,
      spool: spoolFolder(this.#context.places),
      deployment: deployment.file,
      recipe: recipe.file,
      arguments: takes,
      files: fileLines,
      folders: folderLines,
      plainFolders,
      mountsMatter,
      absent,
      notes,
    });
    if (!launcher.ok) return launcher;
    const folder = launcherFolder(name, this.#context);
    const fresh = `${folder}.new`;
    const all: readonly Step[] = [
      ...steps,
      ...launcher.value.once,
      { kind: "remove-tree", path: fresh },
      { kind: "make-folder", path: fresh, mode: 0o700 },
      { kind: "make-folder", path: spoolFolder(this.#context.places), mode: 0o700 },
      // One that is there may be held, and another file in its place would be another lock.
      {
        kind: "write-file",
        path: `${instanceFolder(name, this.#context.places)}/claim`,
        mode: 0o600,
        content: "",
        namedByContent: true,
      },
      { kind: "write-file", path: `${fresh}/deployment`, mode: 0o600, content: deployment.text },
      { kind: "write-file", path: `${fresh}/recipe`, mode: 0o600, content: recipe.text },
      { kind: "write-file", path: `${fresh}/mounts`, mode: 0o600, content: mounts },
      { kind: "write-file", path: `${fresh}/start`, mode: 0o600, content: launcher.value.text },
      { kind: "remove-tree", path: folder },
      { kind: "rename", from: fresh, to: folder },
    ];
    for (const step of all) {
      const done = await performer.perform(step, QUIET);
      if (!done.ok) return no(JSON.stringify(done.problem));
    }
    return success(undefined);
  }

  async #plans(name: string) {
    const { places, store } = this.#context;
    const deployment = await findDeployment(name, this.#context);
    if (!deployment.ok) return no("there is no deployment");
    const recipe = await findRecipe(deployment.value.thing.recipe, this.#context);
    if (!recipe.ok) return no("there is no recipe");
    if (deployment.value.thing.service.links.length > 0) return no("what it is linked to has to be there first");
    const image = await this.#images.find(recipe.value.thing);
    if (!image.ok || image.value === undefined) return no("the image has to be built first");
    const seen = await seenFor(recipe.value.thing, deployment.value.thing, this.#context, false);
    if (!seen.ok) return no("what was asked for before cannot be read");
    const chosen: Chosen = {
      seen: seen.value,
      at: answeredAt({ text: deployment.value.text, deployment: deployment.value.thing }, deployment.value.thing),
      recipe: recipe.value.thing,
      deployment: deployment.value.thing,
      instance: name,
      notes: [],
    };
    const planned = async (terminal: string) => {
      const words = { ...NO_WORDS, name, terminal };
      const options = { background: false, dry: false };
      return image.value === undefined ? undefined : await prepare(words, chosen, image.value, this.#context, options);
    };
    const plain = await planned("");
    const withTerminal = await planned(TERMINAL_STAND_IN);
    if (plain?.ok !== true || withTerminal?.ok !== true) return no("a start would be refused");
    const { spec } = plain.value;
    const astray = spec.contributions.find(({ kind }) => !LAUNCHABLE.has(kind));
    if (plain.value.effective.some(({ service, answer }) => service === "variable" && answer === "real"))
      return no("each start has to look into its owner's session");
    if (astray !== undefined) return no(`each start has to ask about ${astray.kind}`);
    const current = spec.contributions.some(
      (one) => one.kind === "pick" && (one.found !== undefined || isWatched(one, spec)),
    );
    if (current) return no("an agent has to keep chosen files current");
    const program = chosen.recipe.programs[chosen.deployment.program ?? Object.keys(chosen.recipe.programs)[0] ?? ""];
    const own = (path: string) => path.startsWith(`${places.runtime}/`);
    const volumes = plain.value.steps.flatMap((step) => (step.kind === "make-folder" ? [step.path] : []));
    const granted = spec.contributions.flatMap((one) =>
      one.kind === "bind" || one.kind === "pick" ? [one.source] : [],
    );
    const plainFolders = [...new Set([...volumes, ...granted, ...spec.layers])].filter((path) => !own(path)).toSorted();
    const written = grantedAs(chosen.deployment);
    const defined = await definitions(image.value.base, this.#context);
    const system = systemFiles();
    return success({
      plain: plannedStart(plain.value, ""),
      withTerminal: plannedStart(withTerminal.value, TERMINAL_STAND_IN),
      deployment: { file: deployment.value.file, text: deployment.value.text },
      recipe: { file: recipe.value.file, text: recipe.value.text },
      takes: program?.arguments ?? ("none" satisfies Program["arguments"]),
      notes: plain.value.notes.flatMap(linesOf).join("\n"),
      steps: plain.value.steps,
      files: [
        ...programFiles(this.#context),
        // It is compared byte by byte.
        ...defined.present.filter((path) => path !== recipe.value.file),
        store.image(image.value.recipe),
        ...(image.value.imported === undefined ? [store.recipeLock(image.value.recipe)] : []),
        ...system.present,
        ...image.value.layers.map(store.layerRecord),
      ],
      // As the owner wrote it, a granted folder may be a link by now, or a link to another.
      folders: [...new Set([...plainFolders, ...written])].toSorted(),
      plainFolders,
      mountsMatter: granted.some((path) => !volumes.includes(path)),
      absent: [...defined.absent, ...system.absent],
    });
  }

  async #moment(): Promise<Pick<LauncherInputs, "bootId" | "expires">> {
    const { performer } = this.#context;
    const uptime = Number.parseInt((await performer.readText("/proc/uptime")) ?? "", 10);
    const bootId = ((await performer.readText("/proc/sys/kernel/random/boot_id")) ?? "").trim();
    return { bootId, expires: uptime + EXPIRES_AFTER_S };
  }
}

const UNSETTLED = "something changed a moment ago";

/** No terminal of this name exists; every word of a plan that holds it comes from the terminal. */
const TERMINAL_STAND_IN = "skerry-stand-in";

function no(because: string): Result<never, NoLauncher> {
  return refusal({ kind: "no-launcher", because });
}

function launcherFolder(name: string, { places }: AgentContext): string {
  return `${instanceFolder(name, places)}/launcher`;
}

function plannedStart({ spec, plan, ...prepared }: Prepared, terminal: string): PlannedStart {
  const helper = plan.argv.findIndex((word) => word.endsWith("/skerry-helper"));
  const flock = plan.argv.findIndex((word) => word.endsWith("/flock"));
  const [program, ...rest] = [...plan.argv.slice(0, flock), ...plan.argv.slice(helper)];
  if (program === undefined || helper < 0 || flock < 0) throw new Error("a plan without a lock or the helper");
  return {
    id: spec.id,
    terminal: terminal === "" ? undefined : terminal,
    steps: plan.steps,
    argv: [program, ...rest],
    record: JSON.stringify(launchedRecord({ spec, plan, ...prepared })),
  };
}

/** Two plans are the same when they differ in their ids alone. */
function sameIds(plans: { readonly plain: PlannedStart; readonly withTerminal: PlannedStart }): string {
  const text = JSON.stringify(plans, (_, value) =>
    value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value,
  );
  return text.replaceAll(plans.plain.id, "ID").replaceAll(plans.withTerminal.id, "ID");
}

async function stated(format: string, paths: readonly string[]): Promise<Stated | undefined> {
  if (paths.length === 0) return { paths, said: "" };
  const done = await runProgram(["/usr/bin/stat", "-L", "-c", format, "--", ...paths]);
  return done.ok && done.value.code === 0 ? { paths, said: done.value.stdout.trimEnd() } : undefined;
}

/** @param said - lines whose last word is a time of change, seconds since 1970 */
function isSettled(said: string): boolean {
  const newest = Math.max(0, ...said.split("\n").map((line) => Number(line.split(" ").at(-1)) * 1000));
  return Date.now() - newest > SETTLED_AFTER_MS || newest > Date.now();
}

/** The start script makes the same text of its own environment: other places, another launcher. */
function placesText(environment: Readonly<Record<string, string | undefined>>): string {
  const own = environment["SKERRY_HOME"] ?? "";
  if (own !== "" || process.getuid?.() === 0) return own;
  return ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"]
    .map((name) => environment[name] ?? "")
    .join("|");
}
