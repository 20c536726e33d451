/** Skerry's programs that are started by themselves: as a bundle where this is one (tools/bundle.ts), else from their sources. */
import { existsSync } from "node:fs";
import { join } from "node:path";

/** @returns the folder of bundles in which that file is; undefined where there is none */
export function ownBundles(folder: string, file: string): string | undefined {
  const bundles = process.env["SKERRY_BUNDLES"] ?? "";
  return bundles !== "" && existsSync(`${bundles}/${folder}/${file}`) ? `${bundles}/${folder}` : undefined;
}

/** @param name - of the program's source below `src/`, without its ending: `host/inside` */
export function ownProgram(name: string): string {
  const bundles = process.env["SKERRY_BUNDLES"] ?? "";
  const bundle = `${bundles}/${name}.cjs`;
  // Bundles go some time after newer ones were made.
  return bundles !== "" && existsSync(bundle) ? bundle : join(import.meta.dirname, `../${name}.ts`);
}
