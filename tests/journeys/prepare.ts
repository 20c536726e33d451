/**
 * The fetch phase: builds into the cache the images that journeys use, from the configured package mirrors. What is there
 * already is not fetched again. Run by tools/test.ts before the journeys with their files, of which it builds what they
 * name; with `--large`, also what tests/slow/ needs.
 */
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AgentClient } from "../../src/agent/client.ts";
import { placesFrom } from "../../src/model/index.ts";
import {
  CACHE,
  CACHED_RECIPES,
  endOf,
  environmentFor,
  GERMAN,
  lacksForMachines,
  LARGE_RECIPES,
  ROOT,
  VM_DEPLOYMENT,
} from "./trial.fixture.ts";

/** A slow mirror and a slow machine. */
const LIMIT_MS = 10 * 60_000;

const MACHINES = [
  ["dev-shell", VM_DEPLOYMENT],
  ["ripgrep", VM_DEPLOYMENT.replace("dev-shell", "ripgrep")],
] as const;

/** All bases come with it, and fixtures start it. */
const ALWAYS: ReadonlySet<string> = new Set(["ripgrep", "dev-shell"]);

/** An app with a screen brings these along. */
const OF_SCREENS: ReadonlySet<string> = new Set(["foot", "virtual-screen", "far-screen"]);

const chosen = process.argv
  .slice(2)
  .filter((word) => !word.startsWith("--"))
  .map((file) => readFileSync(file, "utf8"));

/** What is needed after all is built by the test that needs it. */
function isNamed(recipe: string): boolean {
  const name = OF_SCREENS.has(recipe) ? /\b(?:foot|display|screen)\b/ : new RegExp(`\\b${recipe}\\b`);
  return ALWAYS.has(recipe) || chosen.some((text) => name.test(text));
}

const home = `${CACHE}/home`;
for (const folder of [CACHE, home]) {
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o755);
}
for (const recipe of CACHED_RECIPES.filter(isNamed)) await build(recipe);
if (lacksForMachines() === false) {
  // The kernel, and disks of the layers, are made by the first start.
  mkdirSync(`${home}/config/deployments`, { recursive: true });
  for (const [name, deployment] of MACHINES) {
    writeFileSync(`${home}/config/deployments/${name}.yaml`, deployment);
    await run(`a machine of ${name}`, ["run", "--quiet", name, "--", "--version"]);
    rmSync(`${home}/config/deployments/${name}.yaml`);
  }
}
if (process.argv.includes("--large")) {
  for (const recipe of LARGE_RECIPES) await build(recipe);
  mkdirSync(`${home}/config/recipes`, { recursive: true });
  writeFileSync(`${home}/config/recipes/german.yaml`, GERMAN.recipe);
  writeFileSync(`${home}/config/facts.yaml`, GERMAN.facts);
  await build("german");
  rmSync(`${home}/config/facts.yaml`);
}
await new AgentClient(
  placesFrom({ SKERRY_HOME: home }, process.getuid?.() ?? -1, ROOT),
  environmentFor(home),
).shutdown();

async function build(recipe: string): Promise<void> {
  await run(recipe, ["build", recipe]);
}

async function run(what: string, words: readonly string[]): Promise<void> {
  process.stdout.write(`fetch phase: ${what}\n`);
  const ended = await endOf(
    spawn(join(ROOT, "skerry"), words, { env: environmentFor(home), stdio: ["ignore", "pipe", "pipe"] }),
    LIMIT_MS,
  );
  if (ended.code === 0) return;
  process.stdout.write(`${ended.stdout}${ended.stderr}\n${what} could not be made (exit code ${ended.code})\n`);
  process.exit(1);
}
