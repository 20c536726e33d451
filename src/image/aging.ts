/** Aging: what is said of a base that is not supported any more, and the command that leads away from it. Pure. */
import type { OsBase } from "../model/index.ts";

/** A build that would need new packages of a base that has none. */
export interface RetiredBase {
  readonly kind: "retired-base";
  readonly base: string;
  readonly successor: string | undefined;
  readonly recipe: string;
}

type Aging = Pick<OsBase, "name" | "state" | "until" | "successor">;

/**
 * @param recipe - whose image stands on it
 * @returns undefined for a base that is supported
 */
export function agingText(base: Aging, recipe: string): string | undefined {
  const { name, state, until, successor } = base;
  if (state === "supported") return undefined;
  const what =
    state === "retired"
      ? `is retired: ${recipe} runs on as it was built, without updates`
      : `is deprecated${until === undefined ? "" : ` and will be retired on ${until}`}`;
  return `the base ${name} ${what}; ${migrateCommand(recipe, successor)} moves ${recipe} to ${successor ?? "another base"}, with its data and grants`;
}

export function migrateCommand(recipe: string, successor: string | undefined): string {
  return `skerry migrate ${recipe} --to ${successor ?? "BASE"}`;
}
