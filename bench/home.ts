/** A home for measuring: images are built there once and kept between runs, in SKERRY_BENCH_HOME or the cache folder. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { AgentClient } from "../src/agent/client.ts";
import { placesFrom } from "../src/model/index.ts";

export const ROOT = join(import.meta.dirname, "..");
const UID = process.getuid?.() ?? -1;
export const HOME = process.env["SKERRY_BENCH_HOME"] ?? `/var/tmp/skerry-bench-${UID}`;
// What root starts runs as other users, who have to pass.
mkdirSync(HOME, { recursive: true, mode: 0o711 });
export const PLACES = placesFrom({ SKERRY_HOME: HOME }, UID, ROOT);
export const ENVIRONMENT = { PATH: process.env["PATH"] ?? "/usr/bin:/bin", HOME: homedir(), SKERRY_HOME: HOME };
export const SKERRY = join(ROOT, "skerry");

export function skerry(...words: readonly string[]): string {
  const done = spawnSync(SKERRY, words, { env: ENVIRONMENT, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  if (done.status !== 0) throw new Error(`skerry ${words.join(" ")} failed (${done.status}):\n${done.stderr}`);
  return done.stdout;
}

export function client(): AgentClient {
  return new AgentClient(PLACES, ENVIRONMENT);
}

/** A recipe of its own that runs whatever it is given, or gives it to a program. */
export function ownRecipe(name: string, packages: readonly string[], more = "", command = "/usr/bin/env"): void {
  mkdirSync(`${PLACES.config}/recipes`, { recursive: true, mode: 0o700 });
  const text = `skerry: recipe/1
summary: For measuring
packages: [${packages.join(", ")}]
programs:
  any: { command: [${command}], arguments: any }
${more}`;
  const file = `${PLACES.config}/recipes/${name}.yaml`;
  // Written anew, it would be another file, and what was made of it stale.
  if (!existsSync(file) || readFileSync(file, "utf8") !== text) writeFileSync(file, text);
}

/** Deploys where it has not been deployed yet. */
export function deployed(recipe: string): void {
  const list: unknown = JSON.parse(skerry("deployments", "--json"));
  const known = Array.isArray(list) && list.some((one) => one.name === recipe);
  if (!known) skerry("deploy", recipe);
}

export function imageOf(name: string): { readonly layers: readonly string[] } {
  const images: readonly { readonly recipe: string; readonly layers: readonly string[] }[] = JSON.parse(
    skerry("images", "--json"),
  );
  const found = images.find(({ recipe }) => recipe === name);
  if (found === undefined) throw new Error(`there is no image of ${name}`);
  return found;
}
