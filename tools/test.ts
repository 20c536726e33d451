/**
 * The test runner behind `./skerry test`: Node's own, with a selection of files and a strict end.
 *
 *   test [--fast | --slow] [--no-skips] [--except PART OF A FILE NAME]... [PART OF A FILE NAME]...
 *
 * - fast: everything beside the sources, and tests/*.test.ts;
 * - without a word: tests/journeys/ as well, which build real images and start real compartments;
 * - slow: tests/slow/ as well, which kills what runs a hundred times.
 *
 * A test that could not run is listed with its reason, never passed over in silence. The last lines are the closing
 * lines of Node's runner. The exit code is 1 where a test failed, where none ran, where a file holds none, and with
 * `--no-skips` where one was skipped that could run on a machine of this kind: a reason that begins with
 * "cannot here:" names something that the machine itself lacks.
 *
 * Journeys run many at a time, with real processes on a machine that others use. A file of them that failed is run once
 * more by itself; where that succeeds it is listed as unsteady, with what it said, and the closing lines of both runs
 * are printed. More than three such files are a failure.
 */
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, relative } from "node:path";
import { run } from "node:test";
import { tap } from "node:test/reporters";
import { inspect, parseArgs } from "node:util";
import { ROOT } from "./program.ts";

const FAST = ["src/**/*.test.ts", "helper/*.test.ts", "tests/*.test.ts", "tests/hostile/**/*.test.ts"];
const JOURNEYS = ["tests/journeys/*.test.ts"];
const SLOW = ["tests/slow/*.test.ts"];

/** For one file. A fast test that needs longer hangs; a journey may fetch and build. */
const FAST_TIMEOUT_MS = 2 * 60_000;
const TIMEOUT_MS = 20 * 60_000;
/** Three hundred kills with all that they repair. */
const SLOW_TIMEOUT_MS = 90 * 60_000;

/** What a file's programs wrote is kept for the case that it fails, but not without end. */
const MAX_KEPT_OUTPUT = 64 * 1024;

/** Reason of a skip that no change of ours could avoid on this machine. */
const CANNOT_HERE = "cannot here:";

const { values: flags, positionals: parts } = parseArgs({
  allowPositionals: true,
  options: {
    fast: { type: "boolean" },
    slow: { type: "boolean" },
    "no-skips": { type: "boolean" },
    except: { type: "string", multiple: true, default: [] },
  },
});

const patterns = [...FAST, ...(flags.fast === true ? [] : JOURNEYS), ...(flags.slow === true ? SLOW : [])];
const files = globSync(patterns, { cwd: ROOT })
  .filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)))
  .filter((file) => !flags.except.some((part) => file.includes(part)))
  .toSorted()
  .map((file) => join(ROOT, file));

// What the journeys run is built first, once, and kept between runs: the only phase that fetches.
if (files.some((file) => file.includes("/tests/journeys/") || file.includes("/tests/slow/"))) {
  const large = files.some((file) => file.endsWith("/tests/slow/catalogue.test.ts")) ? ["--large"] : [];
  const prepared = spawnSync(process.execPath, [join(ROOT, "tests/journeys/prepare.ts"), ...large], {
    cwd: ROOT,
    stdio: "inherit",
  });
  if (prepared.status !== 0) process.exit(1);
}

/** Files that may be steady by themselves only. */
const MOST_UNSTEADY = 3;

interface Outcome {
  readonly output: Map<string, string>;
  readonly failures: Map<string, string[]>;
  readonly skips: { readonly where: string; readonly reason: string }[];
  readonly empty: string[];
  readonly closing: { type: "test:diagnostic"; data: { nesting: number; message: string; level: "info" } }[];
  total: number;
  succeeded: boolean;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function keep(output: Map<string, string>, file: string, text: string): void {
  const before = output.get(file) ?? "";
  if (before.length < MAX_KEPT_OUTPUT) output.set(file, (before + text).slice(0, MAX_KEPT_OUTPUT));
}

function shortName(file: string | undefined): string {
  return file === undefined ? "?" : relative(ROOT, file);
}

/** An assertion's own words hold what differs; its fields would say it again. */
function wordsOf(cause: unknown): string {
  if (!(cause instanceof Error)) return inspect(cause, { depth: 4 });
  return `${cause.stack ?? cause.message}${cause.cause === undefined ? "" : `\ncaused by ${inspect(cause.cause)}`}`;
}

const timeout = flags.fast === true ? FAST_TIMEOUT_MS : flags.slow === true ? SLOW_TIMEOUT_MS : TIMEOUT_MS;

/** One file more at a time than there are processors: much of a journey is waiting. */
async function runFiles(those: readonly string[]): Promise<Outcome> {
  const outcome: Outcome = {
    output: new Map(),
    failures: new Map(),
    skips: [],
    empty: [],
    closing: [],
    total: 0,
    succeeded: true,
  };
  const { output, failures, skips, empty, closing } = outcome;
  const events = run({ files: those, concurrency: availableParallelism() + 1, timeout, cwd: ROOT });

  for await (const event of events) {
    switch (event.type) {
      case "test:pass": {
        const { name, file, skip, todo } = event.data;
        if (skip !== undefined && skip !== false) {
          skips.push({
            where: `${shortName(file)}: ${name}`,
            reason: typeof skip === "string" ? skip : "no reason given",
          });
        }
        if (todo !== undefined && todo !== false)
          skips.push({ where: `${shortName(file)}: ${name}`, reason: "not written yet" });
        if (file !== undefined && name === file) empty.push(shortName(file));
        break;
      }
      case "test:fail": {
        const { name, file, details } = event.data;
        // A group fails because a test in it did: that one is told.
        if (details.type === "suite" && details.error.failureType === "subtestsFailed") break;
        const list = failures.get(file ?? "") ?? [];
        list.push(`${name}\n${wordsOf(details.error.cause ?? details.error)}`);
        failures.set(file ?? "", list);
        break;
      }
      case "test:stdout":
      case "test:stderr":
        keep(output, event.data.file, event.data.message);
        break;
      case "test:diagnostic":
        if (event.data.file === undefined && event.data.nesting === 0) {
          closing.push({ type: "test:diagnostic", data: { nesting: 0, message: event.data.message, level: "info" } });
        }
        break;
      case "test:summary": {
        const { file, counts, duration_ms: durationMs, success } = event.data;
        if (file === undefined) {
          outcome.total = counts.tests;
          outcome.succeeded = success;
          break;
        }
        const seconds = `${(durationMs / 1000).toFixed(1)} s`;
        say(`${success ? "ok    " : "FAILED"} ${shortName(file)} (${counts.tests} tests, ${seconds})`);
        break;
      }
      default:
    }
  }
  return outcome;
}

function tellFailures({ failures, output }: Outcome): void {
  for (const [file, list] of failures) {
    say(`\n${shortName(file)}`);
    for (const failure of list) say(`✖ ${failure}`.replaceAll(/^/gm, "  "));
    const said = output.get(file)?.trim();
    if (said !== undefined && said !== "") say(`  what was written meanwhile:\n${said.replaceAll(/^/gm, "    ")}`);
  }
}

async function tellClosing({ closing }: Outcome): Promise<void> {
  say("");
  for await (const line of tap(inOrder(closing))) if (!line.startsWith("TAP version")) process.stdout.write(line);
}

const first = await runFiles(files);
tellFailures(first);

// By itself, one that failed among others may not fail.
const failed = first.succeeded ? [] : files.filter((file) => first.failures.has(file));
const second =
  failed.length > 0 && failed.length <= MOST_UNSTEADY && failed.every((file) => file.includes("/tests/journeys/"))
    ? await secondTry(failed)
    : undefined;

async function secondTry(those: readonly string[]): Promise<Outcome> {
  await tellClosing(first);
  say(`\nonce more, by themselves: ${those.map(shortName).join(", ")}`);
  let last: Outcome | undefined;
  for (const file of those) {
    last = await runFiles([file]);
    if (!last.succeeded) tellFailures(last);
    else say(`UNSTEADY ${shortName(file)}: failed among others, succeeds by itself`);
    if (!last.succeeded) break;
  }
  if (last === undefined) throw new Error("nothing was to be tried again");
  return last;
}

const { skips, empty, total } = first;

const avoidable = skips.filter(({ reason }) => !reason.startsWith(CANNOT_HERE));
if (skips.length > 0) {
  say(`\n${skips.length} skipped:`);
  for (const { where, reason } of skips) say(`  ${where}\n    ${reason}`);
}
for (const file of empty) say(`\n${file} holds no test.`);
if (total === 0) say(`\nNo test ran: no file fits ${parts.length === 0 ? patterns.join(", ") : parts.join(", ")}.`);
if (flags["no-skips"] === true && avoidable.length > 0) {
  say(`\nWith --no-skips each skip must begin with "${CANNOT_HERE}"; ${avoidable.length} did not.`);
}
await tellClosing(second ?? first);

const forbiddenSkips = flags["no-skips"] === true && avoidable.length > 0;
const succeeded = first.succeeded || second?.succeeded === true;
process.exitCode = succeeded && total > 0 && empty.length === 0 && !forbiddenSkips ? 0 : 1;

/** Node's TAP reporter writes the closing lines as it always does. */
async function* inOrder(events: Outcome["closing"]) {
  yield* events;
}
