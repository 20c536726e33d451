/** Which program this is: the package's version and a mark that changes with the sources. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";

/** The program that this is a bundle of (tools/bundle.ts); empty where it runs from its sources. */
export const BUNDLED = process.env["SKERRY_BUNDLED"] ?? "";

/** @param program - the folder that holds the start script */
export function programVersion(program: string): string {
  return versionOf(program, markOf(program, markedFiles(program)));
}

/** Folders and files of what runs, below the program's folder; tests are no part of it. */
export function sourceFiles(program: string): readonly string[] {
  const all = readdirSync(`${program}/src`, { recursive: true, encoding: "utf8" });
  const files = all.filter((file) => !/\.(test|fixture)\.ts$/.test(file)).map((file) => `src/${file}`);
  return ["src", ...files].toSorted();
}

function markedFiles(program: string): readonly string[] {
  return ["package.json", ...sourceFiles(program)];
}

function versionOf(program: string, mark: string): string {
  const about: unknown = JSON.parse(readFileSync(`${program}/package.json`, "utf8"));
  const version = typeof about === "object" && about !== null && "version" in about ? String(about.version) : "0";
  return `${version}+${createHash("sha256").update(mark).digest("hex").slice(0, 12)}`;
}

function markOf(program: string, files: readonly string[]): string {
  return files
    .map((file) => {
      const { size, mtimeMs } = statSync(`${program}/${file}`);
      return `${file} ${size} ${mtimeMs}\n`;
    })
    .join("");
}

/** The helper and what it is built from, below the program's folder; the folder too, since a source may be added. */
export function helperFiles(program: string): readonly string[] {
  const sources = readdirSync(`${program}/helper`).filter((file) => /\.[ch]$/.test(file));
  return ["helper", "helper/build/skerry-helper", ...sources.toSorted().map((file) => `helper/${file}`)];
}

interface Seen {
  readonly program: string;
  readonly version: string;
  readonly files: readonly string[];
  readonly mark: string;
}

/** A program as it was when it was last read whole. */
let seen: Seen | undefined;

/** Is the program on the disk another one than was started? Sources that cannot be read are. */
export function hasChanged(program: string, started: string): boolean {
  try {
    // One file more or less changes its folder, so that what is there need not be listed each time.
    if (seen?.program === program && seen.version === started && markOf(program, seen.files) === seen.mark)
      return false;
    const files = markedFiles(program);
    const mark = markOf(program, files);
    const version = versionOf(program, mark);
    seen = { program, version, files, mark };
    return version !== started;
  } catch {
    return true;
  }
}
