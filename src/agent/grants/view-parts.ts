/**
 * View parts: from what a request gets to the mounts that show it, in order, and what has to be there for them.
 *
 * Started by root, an app works under another user; a folder shown to it under that user is one that its start has
 * prepared. Another folder has to wait for the next start.
 */
import { randomBytes } from "node:crypto";
import { findPlainly, type Part } from "../../host/index.ts";
import { type CompartmentSpec, type Contribution, pickedFiles } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import type { Step } from "../../step/index.ts";
import { type AgentContext, QUIET } from "../context.ts";

interface NotNow {
  readonly kind: "not-now";
  readonly because: string;
}

/** Where the start has its files, and where the view is put together. */
interface Room {
  readonly folder: string;
  readonly staging: string;
  /** A chosen file that is gone leaves its place empty, and is no reason to refuse the others. */
  readonly mayBeGone: boolean;
}

export async function partsFor(
  contributions: readonly Contribution[],
  slot: { readonly request: string; readonly target: string },
  spec: CompartmentSpec,
  { folder, staging, mayBeGone }: Room,
  { performer }: AgentContext,
): Promise<Result<readonly Part[], NotNow>> {
  const mode = spec.user.allocated ? 0o711 : 0o700;
  const empty = `${folder}/empty`;
  const steps: Step[] = [
    { kind: "make-folder", path: staging, mode },
    { kind: "make-folder", path: empty, mode: 0o555 },
  ];
  const parts: Part[] = [];
  for (const one of contributions) {
    const at = "target" in one ? one.target.slice(slot.target.length) : "";
    if (one.kind === "bind") {
      const found = findPlainly(one.source);
      if (found === undefined || found.type === "other") return notNow(`${one.source} is not there`);
      const shown = spec.user.allocated ? preparedFor(one.source, spec, folder) : undefined;
      if (spec.user.allocated && shown === undefined) return notNow(ONLY_STARTED_WITH);
      parts.push({ source: one.source, shown, type: found.type, at, access: one.access });
    } else if (one.kind === "pick") {
      // The others that match come one after the other: nobody waits for a thousand.
      const files = pickedFiles(one.found === undefined || mayBeGone ? one : withFewer(one, one.found));
      const places = placesFor(files, `${folder}/${PLACES}${randomBytes(4).toString("hex")}`);
      steps.push(...places.steps);
      parts.push({ source: places.folder, type: "folder", at, access: "read" });
      for (const file of files) {
        const source = `${one.source}/${file}`;
        if (mayBeGone && findPlainly(source)?.type !== "file") continue;
        const shown = spec.user.allocated ? chosenFor(one.source, file, spec, folder) : undefined;
        if (spec.user.allocated && shown === undefined) return notNow(ONLY_STARTED_WITH);
        parts.push({ source, shown, type: "file", at: `${at}/${file}`, access: "read" });
      }
    } else if (one.kind === "empty-folder") parts.push({ source: empty, type: "folder", at, access: "read" });
    else if (one.kind === "copy") return notNow("a copy is made when it starts");
    else return notNow(`${one.kind} is given when it starts`);
  }
  for (const step of parts.length === 0 ? [] : steps) {
    const done = await performer.perform(step, QUIET);
    if (!done.ok) return notNow(`${staging} could not be made`);
  }
  return success(parts);
}

/** Where the helper has shown a folder under the app's user, by its number among all that the app was started with. */
function preparedFor(source: string, { contributions }: CompartmentSpec, folder: string): string | undefined {
  const at = contributions.findIndex((one) => (one.kind === "bind" || one.kind === "copy") && one.source === source);
  return at < 0 ? undefined : `${folder}/stage/${at + 1}`;
}

/** The same for one file of a folder of which some were chosen. */
export function chosenFor(source: string, file: string, spec: CompartmentSpec, folder: string): string | undefined {
  const at = spec.contributions.findIndex((one) => one.kind === "pick" && one.source === source);
  return at < 0 ? undefined : `${folder}/stage/${at + 1}-all/${file}`;
}

/** Files that are brought up in one go: what else changes an instance must not wait for a thousand. */
export const MOST_AT_ONCE = 50;

function withFewer(pick: Extract<Contribution, { kind: "pick" }>, found: readonly string[]) {
  return { ...pick, found: found.slice(0, MOST_AT_ONCE) };
}

/** Folders of places begin so. */
export const PLACES = "chosen-";

/** A folder with an empty file for each that is chosen, on which it is shown. */
function placesFor(files: readonly string[], folder: string) {
  const folders = new Set(files.flatMap((file) => parentsOf(file).map((parent) => `${folder}/${parent}`)));
  const steps: readonly Step[] = [
    { kind: "make-folder", path: folder, mode: 0o755 },
    ...[...folders].map((path): Step => ({ kind: "make-folder", path, mode: 0o755 })),
    ...files.map((file): Step => ({ kind: "write-file", path: `${folder}/${file}`, mode: 0o444, content: "" })),
  ];
  return { folder, steps };
}

/** A place for one more file. What of its name is there is none that is shown. */
export function placeSteps(places: string, file: string): readonly Step[] {
  const path = `${places}/${file}`;
  return [
    { kind: "remove-tree", path },
    ...parentsOf(file).map((parent): Step => ({ kind: "make-folder", path: `${places}/${parent}`, mode: 0o755 })),
    { kind: "write-file", path, mode: 0o444, content: "" },
  ];
}

function parentsOf(file: string): readonly string[] {
  const parts = file.split("/").slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

const ONLY_STARTED_WITH = "as root, only a folder that it was started with can be shown to it";

function notNow(because: string): Result<never, NotNow> {
  return refusal({ kind: "not-now", because });
}
