/** Which program this is: the package's version and a mark that changes with the sources. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";

/** The program that this is a bundle of (tools/bundle.ts); empty where it runs from its sources. */
export const BUNDLED = process.env["SKERRY_BUNDLED"] ?? "";

/** @param program - the folder that holds the start script */
export function programVersion(program: string): string {
  const about: unknown = JSON.parse(readFileSync(`${program}/package.json`, "utf8"));
  const version = typeof about === "object" && about !== null && "version" in about ? String(about.version) : "0";
  const hash = createHash("sha256");
  for (const file of sourceFiles(program)) {
    const { size, mtimeMs } = statSync(`${program}/${file}`);
    hash.update(`${file} ${size} ${mtimeMs}\n`);
  }
  return `${version}+${hash.digest("hex").slice(0, 12)}`;
}

/** Folders and files of what runs, below the program's folder; tests are no part of it. */
export function sourceFiles(program: string): readonly string[] {
  const all = readdirSync(`${program}/src`, { recursive: true, encoding: "utf8" });
  return all
    .filter((file) => !/\.(test|fixture)\.ts$/.test(file))
    .map((file) => `src/${file}`)
    .toSorted();
}

/** The helper and what it is built from, below the program's folder; the folder too, since a source may be added. */
export function helperFiles(program: string): readonly string[] {
  const sources = readdirSync(`${program}/helper`).filter((file) => /\.[ch]$/.test(file));
  return ["helper", "helper/build/skerry-helper", ...sources.toSorted().map((file) => `helper/${file}`)];
}

/** Is the program on the disk another one than was started? Sources that cannot be read are. */
export function hasChanged(program: string, started: string): boolean {
  try {
    return programVersion(program) !== started;
  } catch {
    return true;
  }
}
