/**
 * Deployments: the owner's files as they come, change and go, and what hangs on each: launchers, menu entries, units, and
 * what runs.
 *
 * Invariants
 * - A text that does not read as a deployment is not written.
 * - Before a file changes its launcher goes, and nothing is taken from under an app that runs.
 */
import { setTimeout as pause } from "node:timers/promises";
import { parseDeployment, writeDeployment } from "../descriptor/index.ts";
import { NAME_PATTERN } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";
import { deploymentFile, findDeployment, findRecipe } from "./catalogue.ts";
import { suspendedFolder } from "./machines/suspended.ts";
import type { Changes } from "./changes/changes.ts";
import { type AgentContext, QUIET } from "./context.ts";
import { type Enabled, setEnabled } from "./services/enabling.ts";
import { type AgentProblem, explain } from "./explain.ts";
import { grantsFile, noteGrantChanges } from "./grants/grant-changes.ts";
import { pendingFile, type PendingWord, seenFor, settlePending } from "./grants/pending.ts";
import { isClaimed } from "./store/image-uses.ts";
import { sha256 } from "./store/images.ts";
import { instanceStateFile } from "./instance-state.ts";
import { instanceFolder } from "./launch/launch.ts";
import type { Launchers } from "./launch/launchers.ts";
import type { Life } from "./life.ts";
import { removeEntry, removeUnits, writeEntry } from "./services/session-files.ts";
import { carefulDeployment } from "./launch/wanted.ts";

type Answer<Value> = Promise<Result<Value, AgentProblem>>;

/** From the claim to the record of a start are some milliseconds, and many on a loaded machine. */
const CLAIM_AGAIN_MS = 50;
const CLAIM_TRIES = 600;

export class Deployments {
  readonly #context: AgentContext;
  readonly #life: Life;
  readonly #changes: Changes;
  readonly #launchers: Launchers;

  constructor(context: AgentContext, life: Life, changes: Changes, launchers: Launchers) {
    this.#context = context;
    this.#life = life;
    this.#changes = changes;
    this.#launchers = launchers;
  }

  async deploy(
    recipe: string,
    name: string,
  ): Answer<{ readonly file: string; readonly text: string; readonly notes: readonly string[] }> {
    const found = await findRecipe(recipe, this.#context);
    if (!found.ok) return found;
    const file = deploymentFile(this.#context, name);
    if ((await this.#context.performer.readText(file)) !== undefined)
      return refusal({ kind: "deployed-already", name, file });
    const text = writeDeployment(carefulDeployment(found.value.thing, name), found.value.thing, {
      home: this.#context.home,
    });
    const saved = await this.#write(name, file, text);
    if (!saved.ok) return saved;
    const seen = await seenFor(found.value.thing, carefulDeployment(found.value.thing, name), this.#context, true);
    if (!seen.ok) return seen;
    await this.#context.audit.append({ kind: "deploy", instance: name, recipe, file: sha256(text) });
    const entry = await writeEntry(carefulDeployment(found.value.thing, name), found.value.thing, this.#context);
    return success({ file, text, notes: entry.ok ? [] : [explain(entry.problem).text] });
  }

  /**
   * Replaces a deployment by a text that reads as one.
   *
   * @returns its file, and a line for each thing that has changed in the running instance, or will at its next start
   */
  async save(name: string, text: string): Answer<{ readonly file: string; readonly live: readonly string[] }> {
    const file = deploymentFile(this.#context, name);
    const parsed = parseDeployment(text, { file, name }, { home: this.#context.home });
    if (!parsed.ok) return parsed;
    const recipe = await findRecipe(parsed.value.recipe, this.#context);
    if (!recipe.ok) return recipe;
    const saved = await this.#write(name, file, text);
    if (!saved.ok) return saved;
    const seen = await seenFor(recipe.value.thing, parsed.value, this.#context, true);
    if (!seen.ok) return seen;
    await this.#context.audit.append({ kind: "edit", instance: name, file: sha256(text) });
    await noteGrantChanges(parsed.value, text, this.#context);
    // One that the owner has edited is the owner's, and no reason to refuse the deployment.
    await writeEntry(parsed.value, recipe.value.thing, this.#context);
    return success({ file, live: await this.#life.live.change(parsed.value, recipe.value.thing) });
  }

  /** What stands in the file counts: also for the launcher, and for what runs. */
  async apply(name: string): Answer<{ readonly file: string; readonly live: readonly string[] }> {
    const found = await findDeployment(name, this.#context);
    return found.ok ? await this.save(name, found.value.text) : found;
  }

  /** The owner's word on what waits. */
  async settlePending(word: PendingWord): ReturnType<typeof settlePending> {
    await this.#launchers.drop(word.name);
    const settled = await settlePending(word, this.#context);
    this.#launchers.want(word.name);
    return settled;
  }

  async setEnabled(name: string, on: boolean, units: boolean): Answer<Enabled> {
    return await setEnabled(name, on, units, this.#context, async (text) => await this.save(name, text));
  }

  async #write(name: string, path: string, content: string): Answer<void> {
    const parsed = parseDeployment(content, { file: path, name }, { home: this.#context.home });
    if (!parsed.ok) return parsed;
    await this.#launchers.drop(name);
    const written = await this.#context.performer.perform({ kind: "write-file", path, mode: 0o600, content }, QUIET);
    if (!written.ok) return written;
    this.#launchers.want(name);
    return success(undefined);
  }

  /** @returns folders of volumes and copies that were kept */
  async undeploy(name: string, withData: boolean): Answer<readonly string[]> {
    const { performer, places, audit } = this.#context;
    const file = deploymentFile(this.#context, name);
    if (!NAME_PATTERN.test(name) || (await performer.readText(file)) === undefined) {
      const missing = await findDeployment(name, this.#context);
      if (!missing.ok) return missing;
    }
    const free = await this.#unlessRunning(name);
    if (!free.ok) return free;
    await this.#life.services.stopping(name);
    if (this.#changes.isBusy(name)) return refusal({ kind: "changes-busy", name });
    const data = [`${places.data}/volumes/${name}`, `${places.data}/copies/${name}`];
    const logs = [`${places.state}/logs/${name}.log`, `${places.state}/logs/${name}.log.1`];
    const gone = [
      file,
      pendingFile(this.#context, name),
      grantsFile(this.#context, name),
      instanceFolder(name, places),
      `${this.#context.store.templates}/${name}`,
      suspendedFolder(this.#context, name),
      ...(withData
        ? [
            ...data,
            instanceStateFile(this.#context, name),
            `${places.state}/network/${name}.json`,
            `${places.state}/machines/${name}`,
            ...logs,
          ]
        : []),
    ];
    for (const path of gone) {
      const removed = await performer.perform({ kind: "remove-tree", path }, QUIET);
      if (!removed.ok) return removed;
    }
    await this.#life.services.forget(name);
    await this.#life.entrances.forget(name);
    // What the owner has edited stays; all else that spoke of the instance goes with it.
    await removeUnits(name, this.#context);
    await removeEntry(name, this.#context);
    await audit.append({ kind: "undeploy", instance: name, withData });
    const left = await Promise.all(
      data.map(async (folder) => (await performer.list(folder)).map((each) => `${folder}/${each}`)),
    );
    return success(left.flat());
  }

  /** Takes the launcher away, and lets who has begun with it come to an end: that start runs then, or has not come about. */
  async #unlessRunning(name: string): Answer<void> {
    await this.#launchers.drop(name);
    for (let tries = 0; ; tries++) {
      const claimed = await isClaimed(name, this.#context);
      await this.#life.compartments.look();
      const running = this.#life.compartments.running(name);
      if (running !== undefined) return refusal({ kind: "runs-already", name, since: running.record.started });
      if (!claimed) return success(undefined);
      if (tries === CLAIM_TRIES) return refusal({ kind: "runs-already", name, since: new Date().toISOString() });
      await pause(CLAIM_AGAIN_MS);
    }
  }
}
