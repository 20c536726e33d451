/**
 * Stack: layers from a lock, one on the other, each built where it is missing.
 *
 * A layer that would hold nothing is left out: the stack is the same without it, and so are the keys above.
 */
import type { LockedLayer, LockedPackage, OsBase } from "../model/index.ts";
import { type Result, success } from "../result.ts";
import { type BuildProblem, buildLayer } from "./build-layer.ts";
import { type LayerRecord, layerKey } from "./image.ts";
import type { ImageContext } from "./resolve.ts";

export interface Stack {
  /** Bottom layer first. */
  readonly keys: readonly string[];
  /** All that is installed after the topmost layer. */
  readonly installed: readonly LockedPackage[];
  readonly top: LayerRecord | undefined;
  /** The one that was generated last. */
  readonly locale: string | undefined;
}

export const EMPTY_STACK: Stack = { keys: [], installed: [], top: undefined, locale: undefined };

/** The stack with one more layer, which is built if it is missing. */
export async function withLayer(
  stack: Stack,
  layer: LockedLayer,
  base: OsBase,
  context: ImageContext,
): Promise<Result<Stack, BuildProblem>> {
  if (stack.keys.length > 0 && addsNothing(layer)) return success(stack);
  const installed = joined(stack.installed, layer.packages);
  const key = layerKey(layer, base, context.facts.architecture, stack.keys.at(-1));
  const built = await buildLayer({ key, layer, base, below: stack.keys, expected: installed }, context);
  if (!built.ok) return built;
  return success({ keys: [...stack.keys, key], installed, top: built.value, locale: layer.locale ?? stack.locale });
}

/** Keys of all layers of a lock, whether they are built or not. */
export function stackKeys(layers: readonly LockedLayer[], base: OsBase, architecture: string): readonly string[] {
  const keys: string[] = [];
  for (const layer of layers) {
    if (keys.length === 0 || !addsNothing(layer)) keys.push(layerKey(layer, base, architecture, keys.at(-1)));
  }
  return keys;
}

/** A base is built even so. */
export function addsNothing({ packages, locale }: LockedLayer): boolean {
  return packages.length === 0 && locale === undefined;
}

/** What is installed after a layer: its packages replace those of the same name below. */
function joined(below: readonly LockedPackage[], above: readonly LockedPackage[]): readonly LockedPackage[] {
  const replaced = new Set(above.map(({ name }) => name));
  return [...below.filter(({ name }) => !replaced.has(name)), ...above];
}
