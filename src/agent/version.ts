/** Which program this is: the package's version and a mark that changes with the sources. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";

/** @param program - the folder that holds the start script */
export function programVersion(program: string): string {
  const about: unknown = JSON.parse(readFileSync(`${program}/package.json`, "utf8"));
  const version = typeof about === "object" && about !== null && "version" in about ? String(about.version) : "0";
  const hash = createHash("sha256");
  for (const file of readdirSync(`${program}/src`, { recursive: true, encoding: "utf8" }).toSorted()) {
    // Tests are no part of what runs.
    if (/\.(test|fixture)\.ts$/.test(file)) continue;
    const { size, mtimeMs } = statSync(`${program}/src/${file}`);
    hash.update(`${file} ${size} ${mtimeMs}\n`);
  }
  return `${version}+${hash.digest("hex").slice(0, 12)}`;
}

/** Is the program on the disk another one than was started? Sources that cannot be read are. */
export function hasChanged(program: string, started: string): boolean {
  try {
    return programVersion(program) !== started;
  } catch {
    return true;
  }
}
