/** Link order: who has to be ready before whom. Pure. */
import { type Result, refusal, success } from "../result.ts";

export interface LinkCycle {
  readonly kind: "link-cycle";
  /** The way round, with its first name again at the end. */
  readonly cycle: readonly string[];
}

/**
 * All that `names` need, themselves included, each behind those that it links to; else in the order asked for.
 *
 * @param linksOf - to whom an instance links; asked once for each
 */
export function linkOrder(
  names: readonly string[],
  linksOf: (name: string) => readonly string[],
): Result<readonly string[], LinkCycle> {
  const done = new Set<string>();
  const way: string[] = [];
  const walk = (name: string): LinkCycle | undefined => {
    if (done.has(name)) return undefined;
    if (way.includes(name)) return { kind: "link-cycle", cycle: [...way.slice(way.indexOf(name)), name] };
    way.push(name);
    for (const to of linksOf(name)) {
      const cycle = walk(to);
      if (cycle !== undefined) return cycle;
    }
    way.pop();
    done.add(name);
    return undefined;
  };
  for (const name of names) {
    const cycle = walk(name);
    if (cycle !== undefined) return refusal(cycle);
  }
  return success([...done]);
}
