/**
 * Base choice: which base a recipe's image stands on, on this host: the one that the recipe names, or the one that its
 * owner has moved it to.
 *
 * The move is a small file of its own among the owner's settings. The recipe stays as it is, whoever wrote it, and gets
 * the catalogue's changes as before; and to go back is to take the file away.
 */
import { parseMigration } from "../../descriptor/index.ts";
import type { Migration, Recipe } from "../../model/index.ts";
import { type Result, success } from "../../result.ts";
import { type CatalogueProblem, DEFAULT_BASE } from "../catalogue.ts";
import type { AgentContext } from "../context.ts";
import { remembered } from "../remembered.ts";

const migrationOf = remembered((text: string, file: string, name: string) => parseMigration(text, { file, name }));

type Named = Pick<Recipe, "name" | "base">;

/** @param migration - the file's text where another one than the present is meant; empty for none */
export async function baseNameFor(
  recipe: Named,
  { performer, store }: Pick<AgentContext, "performer" | "store">,
  migration?: string,
): Promise<Result<string, CatalogueProblem>> {
  const named = recipe.base ?? DEFAULT_BASE;
  const file = store.migration(recipe.name);
  const text = migration ?? (await performer.readText(file)) ?? "";
  if (text === "") return success(named);
  const moved = migrationOf(text, file, recipe.name);
  if (!moved.ok) return moved;
  return success(moved.value.from === named ? moved.value.to : named);
}

/** The text by which a recipe's image stands on a base; empty where that is what the recipe names. */
export function migrationText(recipe: Named, to: string): string {
  const migration: Migration = { from: recipe.base ?? DEFAULT_BASE, to };
  if (migration.from === to) return "";
  return `skerry: migration/1\n# Written by skerry migrate. The recipe ${recipe.name} names ${migration.from}; this host takes ${to} in its place.\nfrom: ${migration.from}\nto: ${to}\n`;
}
