/** What the tests of a compartment's life share: waiting without guessing, and looking at the host from outside. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type { Ended, Trial } from "./trial.fixture.ts";

/** A loaded machine is slow, and what never comes has to be waited for only once. */
const LIMIT_MS = 60_000;

/** Looks again and again until there is something; what it was is in the complaint. */
export async function until<Value>(
  what: string | (() => string),
  look: () => Value | undefined | false | Promise<Value | undefined | false>,
  limitMs = LIMIT_MS,
): Promise<Value> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (performance.now() > deadline)
      throw new Error(`waited ${limitMs} ms in vain: ${typeof what === "string" ? what : what()}`);
    await pause(25);
  }
}

/** Process ids of all whose command line holds the text. */
export function processesSaying(mark: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && commandOf(pid).includes(mark));
}

export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}

/** Runs it, and complains with all that it said when it ends otherwise. */
export async function done(
  trial: Trial,
  words: readonly string[],
  options: Parameters<Trial["skerry"]>[1] & { readonly code?: number } = {},
): Promise<Ended> {
  const ended = await trial.skerry(words, options);
  assert.equal(ended.code, options.code ?? 0, `skerry ${words.join(" ")}\n${ended.stdout}\n${ended.stderr}`);
  return ended;
}

/** A command with --json, as the value that it printed. */
export async function json(trial: Trial, words: readonly string[]): Promise<unknown> {
  return JSON.parse((await done(trial, [...words, "--json"])).stdout);
}

export interface Listed {
  readonly name: string;
  readonly state: string;
  readonly id: string;
  readonly pid: number;
  readonly exitCode?: number;
}

/** What `ps` lists. */
export async function listed(trial: Trial, words: readonly string[] = []): Promise<readonly Listed[]> {
  const rows = await json(trial, ["ps", ...words]);
  assert.ok(Array.isArray(rows));
  return rows;
}

export interface Recorded {
  readonly kind: string;
  readonly instance?: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** The audit's records, the oldest first. */
export async function recorded(trial: Trial, instance?: string): Promise<readonly Recorded[]> {
  const { stdout } = await done(trial, ["audit", ...(instance === undefined ? [] : [instance]), "--json"]);
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

/** Kills the agent of a trial, and waits until it is gone. */
export async function killAgent({ client }: Trial): Promise<void> {
  const info = await client.call<{ readonly pid?: number }>("Info", {});
  assert.ok(info.ok && info.value.pid !== undefined);
  const { pid } = info.value;
  process.kill(pid, "SIGKILL");
  await until("the agent is gone", () => commandOf(pid) === "");
}
