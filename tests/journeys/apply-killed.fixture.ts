/**
 * Applies that are killed: brings an app's changes into a folder, kills the agent or the compartment that does it at a
 * random moment, and holds what is left to what must be true at any time: each thing is the old one or the new one, and
 * in the end nothing is lost.
 */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { bashInside } from "./doors.fixture.ts";
import { kill, pidsOf } from "./kill-loop.fixture.ts";
import { done, processesSaying } from "./life.fixture.ts";
import type { Trial } from "./trial.fixture.ts";

const NAME = "applied";

/** Long enough for an apply to be over now and then. */
const LONGEST_MS = 900;

const KILLS_IN_ONE = 4;

/** The app changes, adds, removes, and puts files where folders were and folders where files were. */
const APP = `
for n in 0 1 2 3; do for f in d$n/*; do head -c 100000 /dev/zero | tr '\\0' n > $f; done; done
rm -r d4 d5; rm d6/*; rm -r d7; echo new > d7; rm file; mkdir file; echo new > file/inner
rm -r d8; mkdir d8; for n in 1 2 3 4 5 6 7 8 9; do echo new > d8/$n; done
mkdir -p a/b/c; for n in $(seq 100); do echo new > a/b/c/$n; done
find . | LC_ALL=C sort > /home/app/data/expected
`;

/** @param rounds - how often something is killed */
export async function killApplies(trial: Trial, rounds: number): Promise<void> {
  const folder = `${trial.files}/${NAME}`;
  await done(trial, ["deploy", "dev-shell", "--as", NAME]);
  for (let kills = 0; kills < rounds; ) {
    makeOld(folder);
    await done(trial, ["changes", NAME, "--discard"]);
    const wrote = await bashInside(trial, APP, ["--folder", `${folder}=copy`], NAME);
    assert.equal(wrote.code, 0, wrote.stderr);
    const expected = readFileSync(`${trial.home}/data/volumes/${NAME}/data/expected`, "utf8");
    for (let count = 0; count < KILLS_IN_ONE && kills < rounds; count++, kills++) {
      const victim = randomInt(2) === 0 ? "agent" : "wall";
      const afterMs = randomInt(LONGEST_MS);
      const story = `kill ${kills}, of the ${victim} after ${afterMs} ms`;
      await applyAndKill(trial, victim, afterMs);
      try {
        checkWhole(folder);
        await done(trial, ["changes", NAME, "--quiet"]);
        assert.deepEqual(leftovers(folder), [], "what it had begun is cleared up");
      } catch (error) {
        throw new Error(`${story}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      }
    }
    // No conflict comes of what had been applied already.
    await done(trial, ["changes", NAME, "--apply", "--quiet"]);
    assert.equal(namesBelow(folder), expected);
    checkWhole(folder);
    assert.equal(readFileSync(`${folder}/file/inner`, "utf8"), "new\n");
    assert.equal(readFileSync(`${folder}/d0/0`, "utf8").length, 100_000);
    assert.deepEqual(readdirSync(`${trial.home}/data/copies/${NAME}/project/upper`), []);
  }
}

function makeOld(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  writeFileSync(`${folder}/file`, "old\n");
  for (let number = 0; number < 9; number++) {
    mkdirSync(`${folder}/d${number}`);
    chmodSync(`${folder}/d${number}`, 0o755);
    for (let file = 0; file < 10; file++) writeFileSync(`${folder}/d${number}/${file}`, "old\n");
  }
  chmodSync(folder, 0o755);
}

async function applyAndKill(trial: Trial, victim: "agent" | "wall", afterMs: number): Promise<void> {
  const child = trial.begin(["changes", NAME, "--apply", "--quiet"]);
  const ended = once(child, "exit");
  await pause(afterMs);
  const pids =
    victim === "agent"
      ? pidsOf(trial, "agent", undefined, NAME)
      : processesSaying(`${trial.home}/data/copies/${NAME}/`);
  for (const pid of pids) kill(pid);
  await ended;
}

/** Under its own name, nothing is ever half. */
function checkWhole(folder: string): void {
  const walk = (place: string): void => {
    for (const name of readdirSync(place)) {
      if (name.startsWith(".skerry-")) continue;
      const path = `${place}/${name}`;
      if (lstatSync(path).isDirectory()) {
        walk(path);
        continue;
      }
      const text = readFileSync(path, "utf8");
      assert.ok(["old\n", "new\n"].includes(text) || /^n{100000}$/.test(text), `${path} has ${text.length} bytes`);
    }
  };
  walk(folder);
}

function leftovers(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => path.includes(".skerry-"));
}

/** As find(1) and sort(1) give them. */
function namesBelow(folder: string): string {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).map((path) => `./${path}`);
  return `${[".", ...names].toSorted().join("\n")}\n`;
}
