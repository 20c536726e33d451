/** Fits: whether a lock is one of what a recipe asks for now, on this host. Pure. */
import type { Lock, LockedLayer } from "../model/index.ts";
import type { HostFacts, OsBase, OsComponent, Recipe } from "../model/index.ts";
import { factList } from "./image.ts";
import { wishOf } from "./component-facts.ts";
import { lockedRepository } from "./repositories.ts";

interface FitWanted {
  readonly recipe: Recipe;
  readonly base: OsBase;
  /** In their order in the stack. */
  readonly components: readonly OsComponent[];
}

export function fits(lock: Lock, { recipe, base, components }: FitWanted, facts: HostFacts): boolean {
  const [bottom, ...above] = lock.layers;
  const app = above.at(-1);
  const between = above.slice(0, -1);
  return (
    lock.base === base.name &&
    lock.architecture === facts.architecture &&
    bottom?.kind === "base" &&
    app?.kind === "app" &&
    same(app.wanted, recipe.packages) &&
    same(app.repositories, recipe.repositories.map(lockedRepository)) &&
    between.length === components.length &&
    components.every((component, index) => componentFits(between[index], component, facts))
  );
}

export function componentFits(layer: LockedLayer | undefined, component: OsComponent, facts: HostFacts): boolean {
  const wish = wishOf(component, facts);
  return (
    layer?.kind === "component" &&
    layer.name === component.name &&
    same(layer.wanted, wish.wanted) &&
    same(factList(layer.facts), factList(wish.facts)) &&
    layer.locale === wish.locale
  );
}

/** Facts that are others than when the lock was made: `locale: C.UTF-8, now de_DE.UTF-8`. */
export function changedFacts(lock: Lock, { components }: FitWanted, facts: HostFacts): readonly string[] {
  const changes = components.flatMap((component) => {
    const layer = lock.layers.find(({ kind, name }) => kind === "component" && name === component.name);
    const then = layer?.facts ?? {};
    const now = wishOf(component, facts).facts;
    return factList(now).flatMap(([fact, value]) => {
      const before = then[fact];
      return before === undefined || before === value ? [] : [`${fact}: ${before || "none"}, now ${value || "none"}`];
    });
  });
  return [...new Set(changes)];
}

export function same(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
