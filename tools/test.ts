/**
 * The test runner behind `./skerry test`: Node's own, with a selection of files and a strict end.
 *
 *   test [--fast | --slow] [--no-skips] [--within SECONDS] [--ran-whole FILE] [--except PART OF A FILE NAME]...
 *        [PART OF A FILE NAME]...
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
 * A file is told of when it has ended, with what failed in it. After `--within` seconds what still runs is ended and named,
 * and the closing lines are printed all the same. With `--ran-whole` the names of the files in which nothing failed and
 * nothing was skipped are written to FILE.
 *
 * Journeys run many at a time, with real processes on a machine that others use. A file of them that failed is run once
 * more by itself; where that succeeds it is listed as unsteady, with what it said, and the closing lines of both runs
 * are printed. More than three such files are a failure.
 */
import { spawnSync } from "node:child_process";
import { globSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, relative } from "node:path";
import { run } from "node:test";
import { tap } from "node:test/reporters";
import { inspect, parseArgs } from "node:util";
import { ROOT } from "./program.ts";

const FAST = ["src/**/*.test.ts", "helper/*.test.ts", "tests/*.test.ts", "tests/hostile/**/*.test.ts"];
const JOURNEYS = ["tests/journeys/*.test.ts"];
const SLOW = ["tests/slow/*.test.ts"];

/** For one file. A fast test that needs longer hangs; a journey may fetch and build, and none needs a quarter of this. */
const FAST_TIMEOUT_MS = 2 * 60_000;
const TIMEOUT_MS = 8 * 60_000;
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
    within: { type: "string" },
    "ran-whole": { type: "string" },
    except: { type: "string", multiple: true, default: [] },
  },
});

const patterns = [...FAST, ...(flags.fast === true ? [] : JOURNEYS), ...(flags.slow === true ? SLOW : [])];
const files = globSync(patterns, { cwd: ROOT })
  .filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)))
  .filter((file) => !flags.except.some((part) => file.includes(part)))
  .toSorted()
  .map((file) => join(ROOT, file));

/** For all of it, what is fetched and tried again included; undefined where there is all the time in the world. */
const overall = flags.within === undefined ? undefined : AbortSignal.timeout(Number(flags.within) * 1000);

// What the journeys run is built first, once, and kept between runs: the only phase that fetches.
const journeys = files.filter((file) => file.includes("/tests/journeys/") || file.includes("/tests/slow/"));
if (journeys.length > 0) {
  const large = files.some((file) => file.endsWith("/tests/slow/catalogue.test.ts")) ? ["--large"] : [];
  const prepared = spawnSync(process.execPath, [join(ROOT, "tests/journeys/prepare.ts"), ...large, ...journeys], {
    cwd: ROOT,
    stdio: "inherit",
  });
  if (prepared.status !== 0) process.exit(1);
}

/** Files that may be steady by themselves only. */
const MOST_UNSTEADY = 3;

/** What is known of one file. */
interface Told {
  readonly failures: string[];
  output: string;
  /** The test that began last. */
  at: string;
  tests: number;
  skipped: number;
  hasEnded: boolean;
}

interface Outcome {
  readonly files: ReadonlyMap<string, Told>;
  readonly skips: { readonly where: string; readonly reason: string }[];
  readonly closing: { type: "test:diagnostic"; data: { nesting: number; message: string; level: "info" } }[];
  total: number;
  succeeded: boolean;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
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
  const told = new Map(
    those.map((file): [string, Told] => [
      file,
      { failures: [], output: "", at: "its first line", tests: 0, skipped: 0, hasEnded: false },
    ]),
  );
  const outcome: Outcome = { files: told, skips: [], closing: [], total: 0, succeeded: true };
  const { skips, closing } = outcome;
  const concurrency = availableParallelism() + 1;
  const signal = overall === undefined ? {} : { signal: overall };

  for await (const event of run({ files: those, concurrency, timeout, cwd: ROOT, ...signal })) {
    switch (event.type) {
      case "test:dequeue": {
        const about = told.get(event.data.file ?? "");
        if (about !== undefined && event.data.name !== event.data.file) about.at = event.data.name;
        break;
      }
      // Comes at once; that it passed or failed is said when all files before it have ended.
      case "test:complete": {
        const { name, file = "", details, skip, todo } = event.data;
        // A test that is written in a fixture is of the fixture's file, and of one of those that use it.
        const about = told.get(file);
        const { error, duration_ms: durationMs } = details;
        if (name === file && about !== undefined) {
          about.hasEnded = overall?.aborted !== true;
          // Mostly it only says that something in it failed; else that it took too long, or what it ended with.
          if (error !== undefined && about.failures.length === 0)
            about.failures.push(`${about.at}\n${wordsOf(error.cause ?? error)}`);
          tellFile(file, about, durationMs);
          break;
        }
        const why = reasonOf(skip, todo);
        if (about !== undefined && details.type !== "suite") {
          about.tests += 1;
          about.skipped += why === undefined ? 0 : 1;
        }
        if (why !== undefined) skips.push({ where: `${shortName(file)}: ${name}`, reason: why });
        // A group fails because a test in it did: that one is told.
        if (error === undefined || (details.type === "suite" && error.failureType === "subtestsFailed")) break;
        const failure = `${name}\n${wordsOf(error.cause ?? error)}`;
        if (about === undefined) say(`${shortName(file)}\n${failure}`);
        else about.failures.push(failure);
        break;
      }
      case "test:stdout":
      case "test:stderr": {
        const about = told.get(event.data.file);
        if (about !== undefined && about.output.length < MAX_KEPT_OUTPUT)
          about.output = (about.output + event.data.message).slice(0, MAX_KEPT_OUTPUT);
        break;
      }
      case "test:diagnostic":
        if (event.data.file === undefined && event.data.nesting === 0) {
          closing.push({ type: "test:diagnostic", data: { nesting: 0, message: event.data.message, level: "info" } });
        }
        break;
      case "test:summary": {
        const { file, counts, success } = event.data;
        const about = told.get(file ?? "");
        // Counts those of fixtures as well; does not come of a file that ends its own process.
        if (about !== undefined) {
          about.tests = Math.max(about.tests, counts.tests);
          about.skipped = Math.max(about.skipped, counts.skipped);
        }
        if (file !== undefined) break;
        outcome.total = counts.tests;
        outcome.succeeded = success;
        break;
      }
      default:
    }
  }
  if (overall?.aborted === true) {
    outcome.succeeded = false;
    say(`\nAfter ${flags.within} s this was not finished:`);
    for (const [file, { hasEnded, at }] of told) if (!hasEnded) say(`  ${shortName(file)}: ${at}`);
  }
  return outcome;
}

/** @returns why a test did not run; undefined where it did */
function reasonOf(skip: string | boolean | undefined, todo: string | boolean | undefined): string | undefined {
  if (todo !== undefined && todo !== false) return "not written yet";
  if (skip === undefined || skip === false) return undefined;
  return typeof skip === "string" ? skip : "no reason given";
}

function tellFile(file: string, { failures }: Told, durationMs: number): void {
  const seconds = `${(durationMs / 1000).toFixed(1)} s`;
  say(`${failures.length === 0 ? "ok    " : "FAILED"} ${shortName(file)} (${seconds})`);
  for (const failure of failures) say(`✖ ${failure}`.replaceAll(/^/gm, "  "));
}

function filesOf({ files: told }: Outcome, fits: (about: Told) => boolean): readonly string[] {
  return [...told].filter(([, about]) => fits(about)).map(([file]) => file);
}

/** What its programs wrote comes later than that it has failed. */
function tellOutput({ files: told }: Outcome): void {
  for (const [file, { failures, output }] of told) {
    const said = output.trim();
    if (failures.length === 0) continue;
    say(`\n${shortName(file)} failed: ${failures.map((failure) => failure.split("\n")[0]).join("; ")}`);
    if (said !== "") say(`  what was written meanwhile:\n${said.replaceAll(/^/gm, "    ")}`);
  }
}

async function tellClosing({ closing }: Outcome): Promise<void> {
  say("");
  for await (const line of tap(inOrder(closing))) if (!line.startsWith("TAP version")) process.stdout.write(line);
}

const first = await runFiles(files);
tellOutput(first);

// By itself, one that failed among others may not fail.
const failed = filesOf(first, ({ failures }) => failures.length > 0);
const mayBeUnsteady =
  failed.length > 0 && failed.length <= MOST_UNSTEADY && failed.every((file) => file.includes("/tests/journeys/"));
const second = mayBeUnsteady && overall?.aborted !== true ? await secondTry(failed) : undefined;

async function secondTry(those: readonly string[]): Promise<Outcome> {
  await tellClosing(first);
  say(`\nonce more, by themselves: ${those.map(shortName).join(", ")}`);
  let last: Outcome | undefined;
  for (const file of those) {
    last = await runFiles([file]);
    tellOutput(last);
    if (!last.succeeded) break;
    say(`UNSTEADY ${shortName(file)}: failed among others, succeeds by itself`);
  }
  if (last === undefined) throw new Error("nothing was to be tried again");
  return last;
}

const { skips, total } = first;

const avoidable = skips.filter(({ reason }) => !reason.startsWith(CANNOT_HERE));
if (skips.length > 0) {
  say(`\n${skips.length} skipped:`);
  for (const { where, reason } of skips) say(`  ${where}\n    ${reason}`);
}
const empty = filesOf(first, ({ tests, failures }) => tests === 0 && failures.length === 0);
for (const file of empty) say(`\n${shortName(file)} holds no test.`);
if (total === 0) say(`\nNo test ran: no file fits ${parts.length === 0 ? patterns.join(", ") : parts.join(", ")}.`);
if (flags["no-skips"] === true && avoidable.length > 0) {
  say(`\nWith --no-skips each skip must begin with "${CANNOT_HERE}"; ${avoidable.length} did not.`);
}
await tellClosing(second ?? first);

const ranWhole = filesOf(first, (file) => file.hasEnded && file.tests > 0 && file.failures.length + file.skipped === 0);
if (flags["ran-whole"] !== undefined)
  writeFileSync(flags["ran-whole"], ranWhole.map((file) => `${shortName(file)}\n`).join(""));

const forbiddenSkips = flags["no-skips"] === true && avoidable.length > 0;
const succeeded = first.succeeded || second?.succeeded === true;
process.exitCode = succeeded && total > 0 && empty.length === 0 && !forbiddenSkips ? 0 : 1;

/** Node's TAP reporter writes the closing lines as it always does. */
async function* inOrder(events: Outcome["closing"]) {
  yield* events;
}
