/**
 * Skerry's small helper program in C: is it built from the sources that lie here, and building it.
 *
 * The built file has a stamp beside it with the sources' hash: times prove nothing, since a checkout or a copy sets them
 * as it likes.
 */
import { createHash } from "node:crypto";
import { access, constants, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { helperPath } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";
import { describeRunProblem, runProgram } from "./run-program.ts";

export type HelperState =
  /** There are no sources here: nothing to build. */
  | { readonly kind: "no-sources" }
  | { readonly kind: "built"; readonly path: string }
  | { readonly kind: "stale"; readonly path: string; readonly writable: boolean };

export interface HelperProblem {
  readonly kind: "helper-not-built";
  readonly detail: string;
}

export async function helperState(program: string): Promise<HelperState> {
  const sources = await readSources(program);
  if (sources.files.length === 0) return { kind: "no-sources" };
  const path = helperPath(program);
  const stamp = await readFile(`${path}.sources`, "utf8").catch(() => "");
  const there = await isThere(path, constants.X_OK);
  if (there && stamp === sources.hash) return { kind: "built", path };
  return { kind: "stale", path, writable: await isThere(`${program}/helper`, constants.W_OK) };
}

/** Builds it under another name first, so that a half-built one is never started. */
export async function buildHelper(program: string, compiler: string): Promise<Result<string, HelperProblem>> {
  const sources = await readSources(program);
  const path = helperPath(program);
  const half = `${path}.${process.pid}.new`;
  try {
    await mkdir(`${program}/helper/build`, { recursive: true });
    const units = sources.files.filter((file) => file.endsWith(".c"));
    const end = await runProgram(
      [compiler, "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-o", half, ...units],
      { timeoutMs: 120_000, directory: program },
    );
    if (!end.ok) return refusal({ kind: "helper-not-built", detail: describeRunProblem(end.problem) });
    if (end.value.code !== 0) return refusal({ kind: "helper-not-built", detail: end.value.stderr.slice(0, 4000) });
    await writeFile(`${half}.sources`, sources.hash);
    await rename(half, path);
    await rename(`${half}.sources`, `${path}.sources`);
    return success(path);
  } catch (error) {
    return refusal({ kind: "helper-not-built", detail: error instanceof Error ? error.message : String(error) });
  } finally {
    await rm(half, { force: true });
    await rm(`${half}.sources`, { force: true });
  }
}

/** Paths below the program's folder, and one hash over names and contents. */
async function readSources(program: string): Promise<{ readonly files: readonly string[]; readonly hash: string }> {
  const names = await readdir(`${program}/helper`).catch(() => []);
  const files = names.filter((name) => /\.[ch]$/.test(name)).toSorted();
  const hash = createHash("sha256");
  for (const name of files) {
    const content = await readFile(`${program}/helper/${name}`);
    hash.update(`${name}\0${content.length}\0`).update(content);
  }
  return {
    files: files.some((name) => name.endsWith(".c")) ? files.map((name) => `helper/${name}`) : [],
    hash: hash.digest("hex"),
  };
}

async function isThere(path: string, mode: number): Promise<boolean> {
  return await access(path, mode).then(
    () => true,
    () => false,
  );
}
