/**
 * Chosen files: what is shown of a folder of which some files are granted stays the file of that name. Most editors write a
 * new file and rename it: without this the app would see the old one for ever. Where patterns are granted, what begins to
 * match them is shown as well, and what does so no more is taken away.
 *
 * Invariants
 * - Only what is granted is shown, and only a plain file that is reached through no link.
 * - A file that was chosen by its name and is gone stays as it was seen last, until there is one of its name again.
 */
import { type FSWatcher, watch } from "node:fs";
import {
  findPlainly,
  hideShown,
  makePlace,
  type Part,
  removePlace,
  replaceShown,
  shownBelow,
  stageView,
  unstageView,
  type View,
} from "../../host/index.ts";
import { type CompartmentSpec, patternsOf } from "../../model/index.ts";
import type { Step } from "../../step/index.ts";
import type { Compartments } from "../compartments.ts";
import type { Start } from "../start-record.ts";
import { type AgentContext, QUIET } from "../context.ts";
import { boots } from "../launch/machine.ts";
import { ownFoldersOf } from "../launch/launch.ts";
import { grantedAt, readInForce, type Slot, startFolder, viewOf } from "./in-force.ts";
import { showAnew } from "./live-folders.ts";
import { type Difference, differenceOf, matchNow, type Pick, placesShown } from "./matching.ts";
import { dropUnfinished, writeUnfinished } from "./unfinished.ts";
import { chosenFor, MOST_AT_ONCE, placeSteps } from "./view-parts.ts";

/** Files that are chosen, and the folder in the wall's namespaces through which the app sees them. */
interface Chosen {
  readonly slot: Slot;
  readonly pick: Pick;
  readonly through: string;
}

/** Where the app sees one of them. */
interface FilePlace {
  readonly at: string;
  readonly make?: () => Promise<void>;
  readonly clear?: (file: string) => Promise<void>;
}

/** An editor does several things to a folder at once. */
const SETTLED_AFTER_MS = 50;

/** A look at large folders takes a while: so many times as long nobody looks again. */
const REST = 10;

/** Folders that are watched for one start. */
const MOST_FOLDERS = 200;

/** Where one file is put together, in the start's folder. */
const STAGING = "view-file";

/** Does one thing after another. */
type InTurn = (act: () => Promise<void>) => void;

interface Watched {
  readonly folders: string;
  readonly watchers: readonly FSWatcher[];
}

export class ChosenFiles {
  readonly #context: AgentContext;
  readonly #compartments: Compartments;
  readonly #inTurn: InTurn;
  readonly #shut: readonly string[];
  readonly #watched = new Map<string, Watched>();
  readonly #settling = new Map<string, NodeJS.Timeout>();
  /** How long the last look at a start took. */
  readonly #tookMs = new Map<string, number>();
  /** Requests of starts of which it was said that too many files match. */
  readonly #tooMany = new Set<string>();

  constructor(context: AgentContext, compartments: Compartments, inTurn: InTurn) {
    this.#context = context;
    this.#compartments = compartments;
    this.#inTurn = inTurn;
    this.#shut = ownFoldersOf(context).ownFolders;
  }

  /** From here on its chosen files are kept current; to be called again when what is granted has changed. */
  async keep(start: Start): Promise<void> {
    const { id } = start.record.spec;
    this.drop(id);
    // In a virtual machine chosen files are those of its start.
    if (boots(start.record)) return;
    const folders = new Set<string>();
    for (const { pick } of await this.#chosenOf(start)) {
      const matching = await matchNow(pick, this.#shut);
      for (const folder of watchedFor(pick, matching.folders)) folders.add(folder);
    }
    if (folders.size === 0) return;
    this.#watch(id, [...folders]);
    // What was replaced while nobody watched.
    this.#settle(id);
  }

  drop(id: string): void {
    for (const watcher of this.#watched.get(id)?.watchers ?? []) watcher.close();
    this.#watched.delete(id);
    clearTimeout(this.#settling.get(id));
    this.#settling.delete(id);
    this.#tookMs.delete(id);
    for (const key of this.#tooMany) if (key.startsWith(`${id} `)) this.#tooMany.delete(key);
  }

  close(): void {
    for (const id of this.#watched.keys()) this.drop(id);
  }

  #watch(id: string, folders: readonly string[]): void {
    for (const watcher of this.#watched.get(id)?.watchers ?? []) watcher.close();
    const identities = identitiesOf(folders);
    const watchers = folders.slice(0, MOST_FOLDERS).flatMap((folder) => {
      try {
        // That a file was written to needs nobody: it is the same file.
        const watcher = watch(folder, { persistent: false }, (event) => {
          if (event === "rename") this.#settle(id);
        });
        watcher.on("error", () => watcher.close());
        return [watcher];
      } catch {
        // The folder has just gone; its files stay as they were seen last.
        return [];
      }
    });
    this.#watched.set(id, { folders: identities, watchers });
  }

  #settle(id: string): void {
    if (this.#settling.has(id)) return;
    const look = () => {
      this.#settling.delete(id);
      this.#inTurn(async () => {
        const begun = performance.now();
        await this.#look(id);
        this.#tookMs.set(id, performance.now() - begun);
      });
    };
    const delay = Math.max(SETTLED_AFTER_MS, REST * (this.#tookMs.get(id) ?? 0));
    this.#settling.set(id, setTimeout(look, delay).unref());
  }

  async #look(id: string): Promise<void> {
    const start = this.#compartments.byId(id);
    if (start?.state !== "running" && start?.state !== "frozen") return;
    const view = await viewOf(start, this.#context);
    if (view === undefined) return;
    const folders = new Set<string>();
    for (const chosen of await this.#chosenOf(start)) {
      const matching = await matchNow(chosen.pick, this.#shut);
      for (const folder of watchedFor(chosen.pick, matching.folders)) folders.add(folder);
      await this.#noteTooMany(start, chosen.slot, matching.tooMany);
      const now = { ...chosen, pick: matching.pick };
      await this.#bringUpToDate(start, view, now, differenceOf(matching, view, chosen.through));
    }
    const before = this.#watched.get(id)?.folders;
    if (before === undefined || before === identitiesOf([...folders])) return;
    this.#watch(id, [...folders]);
    // What appeared before anybody watched there.
    this.#settle(id);
  }

  async #noteTooMany({ record: { spec } }: Start, { request }: Slot, tooMany: boolean): Promise<void> {
    const key = `${spec.id} ${request}`;
    if (!tooMany) this.#tooMany.delete(key);
    if (!tooMany || this.#tooMany.has(key)) return;
    this.#tooMany.add(key);
    const gets = "nothing more: too many files match";
    await this.#context.audit.append({ kind: "live-change", instance: spec.name, id: spec.id, request, gets, held: 0 });
  }

  async #bringUpToDate(start: Start, view: View, { slot, pick, through }: Chosen, difference: Difference) {
    const { replaced, added, gone } = difference;
    if (replaced.length + added.length + gone.length === 0) return;
    const around = { start, compartments: this.#compartments, context: this.#context, onRevoke: "end" } as const;
    const places = await placesShown(view, through, startFolder(start.record.spec, this.#context), this.#context);
    // What the helper has mounted as root cannot be taken apart; what we show in its place can. And where it was started
    // with no file at all, there is nothing to which one could come.
    const fixed = places === undefined && view.asRoot && replaced.length + gone.length > 0;
    if (fixed || (places === undefined && shownBelow(view, through).length === 0)) {
      await showAnew(slot, [pick], around);
      return;
    }
    const at = (file: string) => `${through}/${file}`;
    const clear = async (file: string) => {
      // With a place that is removed from outside goes what is mounted on it (mount_namespaces(7)).
      if (places !== undefined) await this.#perform([{ kind: "remove-tree", path: `${places}/${file}` }]);
      else if ((await hideShown(view, at(file))) === undefined) await removePlace(view, at(file));
    };
    for (const file of gone.slice(0, MOST_AT_ONCE)) {
      if (places !== undefined) await clear(file);
      else await this.#standingStill(start, async () => await clear(file));
    }
    // A name that its owner has chosen keeps its place, whatever becomes of the file.
    const isNamed = (file: string) => pick.found === undefined || pick.files.includes(file);
    for (const file of replaced)
      await this.#bringUp(start, view, pick, file, { at: at(file), ...(isNamed(file) ? {} : { clear }) });
    for (const file of added.slice(0, MOST_AT_ONCE)) {
      const make = async () => {
        if (places === undefined) await makePlace(view, at(file));
        else await this.#perform(placeSteps(places, file));
      };
      await this.#bringUp(start, view, pick, file, { at: at(file), make, clear });
    }
    if (gone.length > MOST_AT_ONCE || added.length > MOST_AT_ONCE) this.#settle(start.record.spec.id);
  }

  /**
   * @param place.make - where there is none yet
   * @param place.clear - where it does not stay if the file has gone meanwhile
   */
  async #bringUp(
    start: Start,
    view: View,
    { source }: Pick,
    file: string,
    { at, make, clear }: FilePlace,
  ): Promise<void> {
    const { spec } = start.record;
    const folder = startFolder(spec, this.#context);
    const staging = `${folder}/${STAGING}`;
    await this.#perform([{ kind: "write-file", path: staging, mode: 0o444, content: "" }]);
    const shown = spec.user.allocated ? chosenFor(source, file, spec, folder) : undefined;
    if (spec.user.allocated && shown === undefined) return;
    const part: Part = { source: `${source}/${file}`, shown, type: "file", at: "", access: "read" };
    if ((await stageView(view, staging, [part])) !== undefined) return;
    await this.#standingStill(start, async () => {
      await make?.();
      if ((await replaceShown(view, staging, at)) === undefined) return;
      await unstageView(view, staging);
      await clear?.(file);
    });
  }

  /** For a moment a place is empty: nobody is to see that. */
  async #standingStill({ state, record: { spec } }: Start, act: () => Promise<void>): Promise<void> {
    const frozen = state === "frozen";
    const staging = `${startFolder(spec, this.#context)}/${STAGING}`;
    await writeUnfinished(spec, { request: undefined, staging, gone: undefined, still: !frozen }, this.#context);
    if (!frozen) await this.#compartments.freeze(spec.name, true);
    try {
      await act();
    } finally {
      if (!frozen) await this.#compartments.freeze(spec.name, false);
      await dropUnfinished(spec, this.#context);
    }
  }

  async #perform(steps: readonly Step[]): Promise<void> {
    for (const step of steps) await this.#context.performer.perform(step, QUIET);
  }

  async #chosenOf({ record: { spec } }: Start): Promise<readonly Chosen[]> {
    const folder = startFolder(spec, this.#context);
    const inForce = await readInForce(folder, this.#context);
    return spec.contributions.flatMap((slot) => {
      if (slot.kind !== "slot") return [];
      const changed = inForce.get(slot.request);
      const picks = (changed ?? grantedAt(slot, spec.contributions)).filter((one) => one.kind === "pick");
      return picks.map((pick) => ({
        slot,
        pick,
        through:
          changed === undefined
            ? `${folder}/stage/${spec.contributions.indexOf(pick) + 1}`
            : `${this.#context.places.runtime}/slots/${slot.request}`,
      }));
    });
  }
}

/** Whether files of a start have to be kept current while it runs. */
export function isWatched({ target }: Pick, { contributions }: CompartmentSpec): boolean {
  return contributions.some((one) => one.kind === "slot" && one.target === target);
}

/** Which folders they are: another one may take the place of one that is watched. */
function identitiesOf(folders: readonly string[]): string {
  const named = folders.map((folder) => `${folder} ${findPlainly(folder)?.device}:${findPlainly(folder)?.inode}`);
  return named.toSorted().join("\n");
}

/** @param looked - those in which something may appear that matches */
function watchedFor(pick: Pick, looked: readonly string[]): readonly string[] {
  const patterns = new Set(patternsOf(pick));
  const named = pick.files.filter((file) => !patterns.has(file));
  return [...named.map((file) => folderOf(`${pick.source}/${file}`)), ...looked];
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}
