/**
 * World: all that a command may touch, handed to it. A test hands it another one (see test-world.ts) and needs no process.
 *
 * A command decides nothing about the host by itself: facts come from `facts()`, programs run through `run`.
 */
import { isatty } from "node:tty";
import type { CommandContext, StricliProcess } from "@stricli/core";
import type { FactsProblem } from "../agent/facts.ts";
import type { RunEnd, RunOptions, RunProblem } from "../host/run-program.ts";
import type { HostFacts, Places } from "../model/index.ts";
import type { Result } from "../result.ts";

export interface World extends CommandContext {
  readonly process: StricliProcess;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly places: Places;
  readonly user: { readonly uid: number; readonly gid: number };
  /** Which of the three streams are terminals, and how wide: 80 where nothing is known. */
  readonly terminal: {
    readonly input: boolean;
    readonly output: boolean;
    readonly error: boolean;
    readonly columns: number;
  };
  /** The owner has nothing against colours (NO_COLOR, TERM=dumb). */
  readonly colours: boolean;
  /** Aborted by Ctrl-C and by requests to end. */
  readonly signal: AbortSignal;
  /** While an app has the terminal, Ctrl-C is the app's. */
  readonly attached: { now: boolean };
  /** What was found on this host, with the owner's `facts.yaml` laid over it. Found once. */
  readonly facts: () => Promise<Result<HostFacts, FactsProblem>>;
  readonly run: (argv: readonly [string, ...string[]], options?: RunOptions) => Promise<Result<RunEnd, RunProblem>>;
  /** Asks on the terminal and waits for a line. Undefined where there is no terminal, or it was closed. */
  readonly ask: (question: string) => Promise<string | undefined>;
}

/**
 * The world as it is.
 *
 * @param program - absolute path of the folder that holds the start script
 */
export async function realWorld(program: string, signal: AbortSignal, attached: World["attached"]): Promise<World> {
  const { placesFrom } = await import("../model/places.ts");
  const environment = process.env;
  // Only Windows has no ids, and Skerry is not for it.
  const [uid, gid] = [process.getuid?.() ?? -1, process.getgid?.() ?? -1];
  const places = placesFrom(environment, uid, program);
  let facts: Promise<Result<HostFacts, FactsProblem>> | undefined;
  return {
    process: { stdout: process.stdout, stderr: process.stderr },
    environment,
    places,
    user: { uid, gid },
    terminal: {
      input: isatty(0),
      output: isatty(1),
      error: isatty(2),
      columns: process.stdout.columns ?? process.stderr.columns ?? 80,
    },
    colours: (environment["NO_COLOR"] ?? "") === "" && environment["TERM"] !== "dumb",
    signal,
    attached,
    facts: () => {
      facts ??= import("../agent/facts.ts").then(({ readFacts }) => readFacts(environment, places));
      return facts;
    },
    run: async (argv, options) => (await import("../host/run-program.ts")).runProgram(argv, options),
    ask: (question) => askOnTerminal(question, signal),
  };
}

async function askOnTerminal(question: string, signal: AbortSignal): Promise<string | undefined> {
  if (!isatty(0) || !isatty(2)) return undefined;
  const { createInterface } = await import("node:readline/promises");
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await new Promise<string | undefined>((resolve, reject) => {
      reader.once("close", () => resolve(undefined));
      reader.question(question, { signal }).then(resolve, (error: unknown) => {
        if (signal.aborted) resolve(undefined);
        else reject(error instanceof Error ? error : new Error(String(error)));
      });
      // In this mode the terminal's Ctrl-C comes to the reader, not to the process.
      reader.once("SIGINT", () => process.kill(process.pid, "SIGINT"));
    });
  } finally {
    reader.close();
  }
}

/** Asks for a yes. Anything else is a no. */
export async function askYes(world: World, question: string): Promise<"yes" | "no" | "cannot-ask"> {
  if (!world.terminal.input || !world.terminal.error) return "cannot-ask";
  const answer = await world.ask(`${question} [y/N] `);
  return /^(y|yes)$/i.test(answer?.trim() ?? "") ? "yes" : "no";
}
