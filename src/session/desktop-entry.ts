/**
 * Desktop entries: an instance in the menus of a graphical session. Pure.
 *
 * Source: the Desktop Entry Specification 1.5, "Value types" and "The Exec key".
 *
 * Invariants
 * - Whatever a recipe says stays in the value of its own key: no line ends, and no list gets an entry more.
 * - The command is ours alone: nothing of a recipe is a part of Exec.
 */
import type { Desktop } from "../model/index.ts";
import { marked } from "./marked.ts";

export interface EntryWanted {
  readonly instance: string;
  /** Name of the recipe; told in the menu where the instance has another one. */
  readonly recipe: string;
  readonly summary: string;
  readonly desktop: Desktop;
  /** Absolute path of the start script. */
  readonly program: string;
  /** What the command has to know of the environment; usually nothing. */
  readonly environment: Readonly<Record<string, string>>;
  /** Its program takes host files as arguments, and gets a grant of each. */
  readonly takesFiles: boolean;
}

export function entryName(instance: string): string {
  return `skerry.${instance}.desktop`;
}

/** Path of env(1), which sets what the command has to know. */
const ENV = "/usr/bin/env";

export function desktopEntry(wanted: EntryWanted): string {
  const { instance, recipe, summary, desktop, program, environment, takesFiles } = wanted;
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const command = [...(variables.length === 0 ? [] : [ENV, ...variables]), program, "run", "--quiet", instance];
  const title = instance === recipe ? desktop.name : `${desktop.name} (${instance})`;
  // What it would be handed it could not read.
  const types = takesFiles ? desktop.mimeTypes : [];
  return marked(
    [
      "[Desktop Entry]",
      "Type=Application",
      "Version=1.0",
      `Name=${valueOf(title)}`,
      `Comment=${valueOf(summary)}`,
      `Exec=${valueOf([...command.map(execWord), ...(takesFiles ? ["--", "%F"] : [])].join(" "))}`,
      `TryExec=${valueOf(program)}`,
      `Icon=${valueOf(desktop.icon ?? "application-x-executable")}`,
      `Terminal=${desktop.terminal}`,
      ...listLine("Categories", desktop.categories),
      ...listLine("MimeType", types),
      `X-Skerry-Instance=${instance}`,
      "",
    ].join("\n"),
  );
}

function listLine(key: string, values: readonly string[]): readonly string[] {
  if (values.length === 0) return [];
  return [`${key}=${values.map((value) => `${valueOf(value).replaceAll(";", "\\;")};`).join("")}`];
}

/** A value of the type string: what would end the line or begin an escape is written as one. */
function valueOf(text: string): string {
  return text
    .replaceAll("\\", "\\\\")
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")
    .replaceAll("\t", "\\t")
    .replace(/^ /, "\\s");
}

/** A word of Exec in quotes, which come before those of the value; `%` begins a field code. */
function execWord(word: string): string {
  return `"${word.replaceAll(/["`$\\]/g, (char) => `\\${char}`).replaceAll("%", "%%")}"`;
}
