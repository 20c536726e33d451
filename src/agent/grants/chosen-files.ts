/**
 * Chosen files: what is shown of a folder of which some files are granted stays the file of that name. Most editors write a
 * new file and rename it: without this the app would see the old one for ever.
 *
 * Invariants
 * - Only names that are granted are looked at, and only a plain file reached through no link takes the place of one.
 * - A file that is gone stays as it was seen last, until there is one of its name again.
 */
import { type FSWatcher, watch } from "node:fs";
import { findPlainly, isShown, replaceShown, stageView, unstageView, type View } from "../../host/index.ts";
import type { CompartmentSpec, Contribution } from "../../model/index.ts";
import type { Compartments, Start } from "../compartments.ts";
import { type AgentContext, QUIET } from "../context.ts";
import { grantedAt, readInForce, type Slot, startFolder, viewOf } from "./in-force.ts";
import { showAnew } from "./live-folders.ts";
import { dropUnfinished, writeUnfinished } from "./unfinished.ts";
import { chosenFor } from "./view-parts.ts";

type Pick = Extract<Contribution, { kind: "pick" }>;

/** Files that are chosen, and the folder in the wall's namespaces through which the app sees them. */
interface Chosen {
  readonly slot: Slot;
  readonly pick: Pick;
  readonly through: string;
}

/** An editor does several things to a folder at once. */
const SETTLED_AFTER_MS = 50;

/** Folders that are watched for one start. */
const MOST_FOLDERS = 200;

/** Does one thing after another. */
type InTurn = (act: () => Promise<void>) => void;

export class ChosenFiles {
  readonly #context: AgentContext;
  readonly #compartments: Compartments;
  readonly #inTurn: InTurn;
  readonly #watched = new Map<string, readonly FSWatcher[]>();
  readonly #settling = new Map<string, NodeJS.Timeout>();

  constructor(context: AgentContext, compartments: Compartments, inTurn: InTurn) {
    this.#context = context;
    this.#compartments = compartments;
    this.#inTurn = inTurn;
  }

  /** From here on its chosen files are kept current; to be called again when what is granted has changed. */
  async keep(start: Start): Promise<void> {
    const { id } = start.record.spec;
    this.drop(id);
    const chosen = await this.#chosenOf(start);
    const folders = chosen.flatMap(({ pick }) => pick.files.map((file) => folderOf(`${pick.source}/${file}`)));
    const watchers = [...new Set(folders)].slice(0, MOST_FOLDERS).flatMap((folder) => {
      try {
        const watcher = watch(folder, { persistent: false }, () => this.#settle(id));
        watcher.on("error", () => watcher.close());
        return [watcher];
      } catch {
        // The folder has just gone; its files stay as they were seen last.
        return [];
      }
    });
    if (watchers.length === 0) return;
    this.#watched.set(id, watchers);
    // What was replaced while nobody watched.
    this.#settle(id);
  }

  drop(id: string): void {
    for (const watcher of this.#watched.get(id) ?? []) watcher.close();
    this.#watched.delete(id);
    clearTimeout(this.#settling.get(id));
    this.#settling.delete(id);
  }

  close(): void {
    for (const id of this.#watched.keys()) this.drop(id);
  }

  #settle(id: string): void {
    if (this.#settling.has(id)) return;
    const look = () => {
      this.#settling.delete(id);
      this.#inTurn(async () => await this.#look(id));
    };
    this.#settling.set(id, setTimeout(look, SETTLED_AFTER_MS).unref());
  }

  async #look(id: string): Promise<void> {
    const start = this.#compartments.byId(id);
    if (start?.state !== "running" && start?.state !== "frozen") return;
    const view = await viewOf(start, this.#context);
    if (view === undefined) return;
    for (const { slot, pick, through } of await this.#chosenOf(start)) {
      const replaced = pick.files.filter((file) => {
        const found = findPlainly(`${pick.source}/${file}`);
        return found?.type === "file" && !isShown(view, `${through}/${file}`, found);
      });
      if (replaced.length === 0) continue;
      // What the helper has mounted as root cannot be taken apart; what we show in its place can.
      const around = { start, compartments: this.#compartments, context: this.#context, onRevoke: "end" } as const;
      if (view.asRoot && !isOnSlot(through)) await showAnew(slot, [pick], around);
      else for (const file of replaced) await this.#bringUp(start, view, pick, file, through);
    }
  }

  async #bringUp(start: Start, view: View, { source }: Pick, file: string, through: string): Promise<void> {
    const { spec } = start.record;
    const at = `${through}/${file}`;
    const folder = startFolder(spec, this.#context);
    const staging = `${folder}/view-file`;
    const { performer } = this.#context;
    await performer.perform({ kind: "write-file", path: staging, mode: 0o444, content: "" }, QUIET);
    const shown = spec.user.allocated ? chosenFor(source, file, spec, folder) : undefined;
    if (spec.user.allocated && shown === undefined) return;
    const part = { source: `${source}/${file}`, shown, type: "file", at: "", access: "read" } as const;
    if ((await stageView(view, staging, [part])) !== undefined) return;
    const frozen = start.state === "frozen";
    const unfinished = { request: undefined, staging, gone: undefined, still: !frozen };
    await writeUnfinished(spec, unfinished, this.#context);
    if (!frozen) await this.#compartments.freeze(spec.name, true);
    try {
      if ((await replaceShown(view, staging, at)) !== undefined) await unstageView(view, staging);
    } finally {
      if (!frozen) await this.#compartments.freeze(spec.name, false);
      await dropUnfinished(spec, this.#context);
    }
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

function isOnSlot(through: string): boolean {
  return !/\/stage\/\d+$/.test(through);
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}
