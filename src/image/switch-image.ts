/**
 * Switch: puts another lock and image in the place of a recipe's own, and keeps those that it replaces.
 *
 * What is to be done is first written down as a whole; then it is done, and then the note goes. A process that ends on the
 * way leaves the note, and the next one does the same again: there is no moment at which the old is lost and the new is
 * not there.
 */
import { NAME_PATTERN } from "../model/index.ts";
import type { Result } from "../result.ts";
import { performAll, type Step, type StepProblem, toTheEnd } from "../step/index.ts";
import type { ImageContext } from "./resolve.ts";

/** What a recipe's image is, as texts of its files. */
export interface ImageState {
  readonly lock: string;
  readonly image: string;
  readonly sbom: string;
  /** Of the setting by which it stands on another base than the recipe names: empty for none, undefined for as it is. */
  readonly migration?: string;
}

interface SwitchNote {
  readonly recipe: string;
  readonly next: ImageState;
  /** Kept for `rollback`; undefined where there was nothing. */
  readonly replaced: ImageState | undefined;
}

type Context = Pick<ImageContext, "performer" | "store" | "watch">;

export async function readState(recipe: string, { performer, store }: Context): Promise<ImageState | undefined> {
  const lock = await performer.readText(store.recipeLock(recipe));
  const image = await performer.readText(store.image(recipe));
  const sbom = (await performer.readText(store.sbom(recipe))) ?? "";
  const migration = (await performer.readText(store.migration(recipe))) ?? "";
  return lock === undefined || image === undefined ? undefined : { lock, image, sbom, migration };
}

export async function readPrevious(recipe: string, { performer, store }: Context): Promise<ImageState | undefined> {
  const text = await performer.readText(store.previous(recipe));
  return text === undefined ? undefined : JSON.parse(text);
}

export async function switchImage(
  recipe: string,
  next: ImageState,
  context: Context,
): Promise<Result<void, StepProblem>> {
  const note: SwitchNote = { recipe, next, replaced: await readState(recipe, context) };
  const { store } = context;
  const content = JSON.stringify(note);
  const noted = await performAll(
    [{ kind: "write-file", path: `${store.switching}/${recipe}.json`, mode: 0o644, content }],
    context,
  );
  return noted.ok ? await follow(note, context) : noted;
}

/** Ends what an earlier process has begun. */
export async function endSwitches(context: Context): Promise<void> {
  const { performer, store } = context;
  for (const name of await performer.list(store.switching)) {
    const recipe = name.replace(/\.json$/, "");
    const text = await performer.readText(`${store.switching}/${name}`);
    if (text === undefined || !name.endsWith(".json") || !NAME_PATTERN.test(recipe)) continue;
    const note: SwitchNote = JSON.parse(text);
    await follow({ ...note, recipe }, context);
  }
  await performer.perform({ kind: "remove-tree", path: store.pending }, context.watch);
}

/** What is written down is done, also when the one who asked for it has left meanwhile. */
async function follow({ recipe, next, replaced }: SwitchNote, asked: Context): Promise<Result<void, StepProblem>> {
  const context = { ...asked, watch: toTheEnd(asked.watch) };
  const { store } = context;
  const write = (path: string, content: string): Step => ({ kind: "write-file", path, mode: 0o644, content });
  return await performAll(
    [
      ...(replaced === undefined ? [] : [write(store.previous(recipe), JSON.stringify(replaced))]),
      ...migrationSteps(recipe, next, context),
      write(store.recipeLock(recipe), next.lock),
      write(store.image(recipe), next.image),
      write(store.sbom(recipe), next.sbom),
      { kind: "remove-tree", path: `${store.switching}/${recipe}.json` },
    ],
    context,
  );
}

function migrationSteps(recipe: string, { migration }: ImageState, { store }: Context): readonly Step[] {
  const path = store.migration(recipe);
  if (migration === undefined) return [];
  if (migration === "") return [{ kind: "remove-tree", path }];
  return [{ kind: "write-file", path, mode: 0o644, content: migration }];
}
