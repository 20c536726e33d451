/**
 * Order of components: which layer lies on which, the same for every app.
 *
 * What two apps share is the part of their stacks that is equal from the bottom. So large things that many apps name
 * lie low, and what depends on facts lies high, where a changed fact makes the least anew: first what others need, then
 * by place (bottom, middle, top), then by name.
 *
 * Invariant: the order of two components is the same in every set that is closed under `needs`. A third one in the
 * set cannot turn it round.
 */
import { COMPONENT_PLACES, type OsComponent } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";

export interface ComponentCircle {
  readonly kind: "component-circle";
  readonly base: string;
  /** Components that need each other, or stand on such ones. */
  readonly names: readonly string[];
}

/**
 * @param components - each with all that it needs, in any order
 * @returns bottom layer first
 */
export function orderComponents(
  components: readonly OsComponent[],
  base: string,
): Result<readonly OsComponent[], ComponentCircle> {
  const waiting = components.toSorted(before);
  const ordered: OsComponent[] = [];
  const done = new Set<string>();
  while (waiting.length > 0) {
    const index = waiting.findIndex(({ needs }) => needs.every((need) => done.has(need)));
    const [next] = index === -1 ? [] : waiting.splice(index, 1);
    if (next === undefined) return refusal({ kind: "component-circle", base, names: waiting.map(({ name }) => name) });
    ordered.push(next);
    done.add(next.name);
  }
  return success(ordered);
}

function before(left: OsComponent, right: OsComponent): number {
  const places = COMPONENT_PLACES.indexOf(left.place) - COMPONENT_PLACES.indexOf(right.place);
  return places === 0 ? (left.name < right.name ? -1 : 1) : places;
}
