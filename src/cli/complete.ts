/** Completion: what a shell is told when it asks what could stand at the end of a command line. */
import { type Application, proposeCompletions } from "@stricli/core";
import { escapeText } from "../model/index.ts";
import type { World } from "./world.ts";

/** The hidden command that the scripts of commands/completions.ts call: `skerry __complete WORD…`, the last one unfinished. */
export const COMPLETE_WORD = "__complete";

/** A shell that waits for more than this many proposals has stopped being a help. */
const LIMIT = 500;

/** Prints a proposal per line: the word, a tab, and what it means. */
export async function printCompletions(world: World, app: Application<World>, words: readonly string[]): Promise<void> {
  // What stands behind -- is the app's, about which only the shell can guess: it goes on with file names.
  if (words.slice(0, -1).includes("--")) return;
  for (const { completion, brief } of (await proposeCompletions(app, words, world)).slice(0, LIMIT)) {
    world.process.stdout.write(`${escapeText(completion)}\t${escapeText(brief)}\n`);
  }
}
