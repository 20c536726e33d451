/**
 * The program `skerry`: makes the world, runs the command, turns what came of it into an exit code.
 *
 * The one place that catches faults and listens to signals. Decides nothing else.
 */
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { run } from "@stricli/core";
import { buildApp, COMMANDS, exitCodeOf } from "./app.ts";
import { COMPLETE_WORD, printCompletions } from "./complete.ts";
import { EXIT } from "./exit.ts";
import { overviewLines } from "./overview.ts";
import { faultText } from "./fault.ts";
import { say } from "./print.ts";
import { realWorld } from "./world.ts";

const PROGRAM = dirname(dirname(import.meta.dirname));

/** bubblewrap takes 9,000 words, its own included. The start script has this number too. */
const MOST_WORDS = 8_000;

async function main(words: readonly string[]): Promise<number> {
  if (words.length > MOST_WORDS) {
    process.stderr.write(
      `error: ${words.length} words are more than a command may have: at most ${MOST_WORDS}\n  hand an app long lists by its standard input or in a file\n`,
    );
    return EXIT.usage;
  }
  const attached = { now: false };
  const world = await realWorld(PROGRAM, endOnSignals(attached), attached);
  if (words[0] === COMPLETE_WORD) {
    await printCompletions(world, await buildApp(words.slice(1, -1), version()), words.slice(1));
    return EXIT.done;
  }
  if (words.length === 0 || (words.length === 1 && ["help", "--help", "-h"].includes(words[0] ?? ""))) {
    process.stdout.write(`${overviewLines(COMMANDS).join("\n")}\n`);
    return EXIT.done;
  }
  await run(await buildApp(words, version()), words, world);
  const code = world.process.exitCode;
  // Below zero are the library's own: it has said what is wrong, and not what to do about it.
  if (typeof code === "number" && code < 0 && exitCodeOf(code) === EXIT.usage) say(world, helpHint(words));
  return exitCodeOf(code);
}

/** The first signal asks commands to end in order; the second does not wait for them. */
function endOnSignals(attached: { readonly now: boolean }): AbortSignal {
  const abort = new AbortController();
  for (const name of ["SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      // The app has the terminal, and has got it as well.
      if (attached.now && (name === "SIGINT" || name === "SIGQUIT")) return;
      if (abort.signal.aborted) process.exit(EXIT.interrupted);
      abort.abort();
    });
  }
  return abort.signal;
}

function helpHint(words: readonly string[]): string {
  const named = words.find((word) => !word.startsWith("-")) ?? "";
  return Object.hasOwn(COMMANDS, named)
    ? `  skerry ${named} --help shows what it takes, with an example`
    : "  skerry --help lists all commands";
}

function version(): string {
  const about: unknown = JSON.parse(readFileSync(`${PROGRAM}/package.json`, "utf8"));
  const has = typeof about === "object" && about !== null && "version" in about;
  return has ? String(about.version) : "unknown";
}

/** A pipe takes some of a long text at once, and the rest when its reader gets to it. */
async function written(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.writableLength > 0) await new Promise<void>((resolve) => void stream.write("", () => resolve()));
}

function onFault(error: unknown): never {
  process.stderr.write(`${faultText(error, process.env["SKERRY_TRACE"] === "1")}\n`);
  process.exit(EXIT.fault);
}

// The reader of a pipe has had enough (`skerry ps | head -1`): no fault, and nobody is left to tell.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) =>
    error.code === "EPIPE" ? process.exit(EXIT.done) : onFault(error),
  );
}
process.on("uncaughtException", onFault);
// To have nothing left to wait for is not to be done: it must not look like a command that has ended well.
process.once("beforeExit", () => onFault(new Error("what was waited for never came")));

// No await up here: a bundle has none.
void main(process.argv.slice(2))
  .catch(onFault)
  // At once: a connection that is kept open for more questions would keep this process.
  .then(async (code) => {
    await written(process.stdout);
    process.exit(code);
  });
