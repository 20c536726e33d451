/**
 * Command: one verb of the command line.
 *
 * To add one
 * 1. `commands/NAME.ts` with `export default defineCommand({ … })`. Its `run` gets the world, the flags and the
 *    arguments, and returns an exit code. What only some runs need is imported inside `run`.
 * 2. One line in the table of app.ts: the name, the sentence for listings, and where it is loaded from.
 *
 * Flags are written in camel case and given in kebab case (`acceptWeaker` is `--accept-weaker`). What stands after
 * `--` is an argument, whatever it looks like: a command that hands arguments on takes them as an array of positionals.
 */
import { type Command, buildCommand, type TypedCommandParameters } from "@stricli/core";
import type { World } from "./world.ts";

export interface CommandParts<FLAGS extends Readonly<Record<string, unknown>>, ARGS extends readonly unknown[]> {
  readonly parameters: NoInfer<TypedCommandParameters<FLAGS, ARGS, World>>;
  /** More than the one sentence of the listing, where more must be said. */
  readonly description?: string;
  /** Command lines without `skerry`, the best first; at least one. */
  readonly examples: readonly [string, ...string[]];
  /** @returns the exit code, one of exit.ts or an app's own */
  readonly run: (world: World, flags: FLAGS, ...args: ARGS) => Promise<number>;
}

/** Flags of a command that has none. The type that stricli itself uses for it, which is empty on purpose. */
// oxlint-disable-next-line typescript/no-generated-empty-object-type
export type NoFlags = Record<never, never>;

/** A command that waits for the sentence that app.ts has for it. */
export type DefinedCommand = (brief: string) => Command<World>;

export function defineCommand<
  const FLAGS extends Readonly<Partial<Record<keyof FLAGS, unknown>>> = NoFlags,
  const ARGS extends readonly unknown[] = [],
>(parts: CommandParts<FLAGS, ARGS>): DefinedCommand {
  return (brief) =>
    buildCommand<FLAGS, ARGS, World>({
      parameters: parts.parameters,
      docs: {
        brief,
        fullDescription: [
          ...[brief, parts.description ?? ""].filter((text) => text !== ""),
          [
            parts.examples.length === 1 ? "Example" : "Examples",
            ...parts.examples.map((line) => `  skerry ${line}`),
          ].join("\n"),
        ].join("\n\n"),
      },
      async func(this: World, flags: FLAGS, ...args: ARGS) {
        this.process.exitCode = await parts.run(this, flags, ...args);
      },
    });
}

/** A flag that every listing has. */
export const JSON_FLAG = { kind: "boolean", brief: "Print JSON, for programs.", default: false } as const;

/** A flag of commands that ask before they act. */
export const YES_FLAG = { kind: "boolean", brief: "Do it without asking.", default: false } as const;
