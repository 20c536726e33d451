/**
 * Trials: Skerry used as a person uses it, in a home of its own that is gone afterwards.
 *
 * Images are built once into a cache that outlives a test run (the one phase that fetches, tests/journeys/prepare.ts);
 * each trial has its own deployments, volumes, agent and audit, and sees the cached store through links.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { AgentClient } from "../../src/agent/client.ts";
import { placesFrom } from "../../src/model/index.ts";

export const ROOT = join(import.meta.dirname, "../..");

const UID = process.getuid?.() ?? -1;

/** Kept between runs. Passable by other users, since compartments of root run as such. */
export const CACHE = process.env["SKERRY_TEST_CACHE"] ?? `/var/tmp/skerry-tests-${UID}`;

/** Images that journeys may use without building them. */
export const CACHED_RECIPES = [
  ...["ripgrep", "dev-shell", "radicale", "postgresql", "foot", "virtual-screen", "far-screen", "net-vm"],
] as const;

/** The same for tests/slow/catalogue.test.ts: large, and so only fetched for it. */
export const LARGE_RECIPES = [
  ...[
    "gnome-calculator",
    "firefox-esr",
    "chromium",
    "libreoffice",
    "nodejs",
    "agent-shell",
    "session-screen",
    "gui-vm",
  ],
] as const;

/** A recipe and a host on which its component makes a locale. */
export const GERMAN = {
  recipe: "skerry: recipe/1\nsummary: made for a test\ncomponents: [locale]\npackages: []\nprograms: { sh: /bin/sh }\n",
  facts: "skerry: facts/1\nlocale: de_DE.UTF-8\n",
} as const;

/** A deployment in a virtual machine; the fetch phase has made what it needs. */
export const VM_DEPLOYMENT = "skerry: deployment/1\nrecipe: dev-shell\nisolation: vm\n";

/** @returns why no virtual machine can run here, or false */
export function lacksForMachines(): string | false {
  if (process.arch !== "x64") return "cannot here: virtual machines run on amd64 only";
  const missing = ["qemu-system-x86_64", "mkfs.erofs"].find((name) => !existsSync(`/usr/bin/${name}`));
  return missing === undefined ? false : `cannot here: ${missing} is not installed`;
}

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly directory?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

export interface Trial {
  /** $SKERRY_HOME of this trial. */
  readonly home: string;
  /** A folder for the owner's files, outside Skerry's own; every user may pass it. */
  readonly files: string;
  /** Runs `skerry WORDS…` to its end. */
  skerry(words: readonly string[], options?: RunOptions): Promise<Ended>;
  /** Starts `skerry WORDS…` and leaves it to the test. */
  begin(words: readonly string[], options?: RunOptions): ReturnType<typeof spawn>;
  readonly client: AgentClient;
  /** Ends what runs and removes everything. */
  close(): Promise<void>;
}

export function environmentFor(home: string): Readonly<Record<string, string>> {
  const { PATH = "/usr/bin:/bin", HOME = "/" } = process.env;
  return { PATH, HOME, SKERRY_HOME: home, LANG: "C.UTF-8", TERM: "dumb" };
}

export function makeTrial(): Trial {
  mkdirSync(`${CACHE}/t`, { recursive: true, mode: 0o755 });
  // Short names: the agent's socket is below, and its path may have 107 bytes.
  const home = mkdtempSync(`${CACHE}/t/`);
  const files = `${home}/files`;
  for (const folder of [home, files, `${home}/data`]) {
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o755);
  }
  for (const name of ["locks", "images"]) symlinkSync(`${CACHE}/home/data/${name}`, `${home}/data/${name}`);
  // What is being built is each agent's own: a new agent removes what it finds there.
  mkdirSync(`${home}/data/store`, { mode: 0o755 });
  for (const name of ["debs", "layers", "mount-points", "guests"]) {
    mkdirSync(`${CACHE}/home/data/store/${name}`, { recursive: true });
    symlinkSync(`${CACHE}/home/data/store/${name}`, `${home}/data/store/${name}`);
  }
  const client = new AgentClient(placesFrom({ SKERRY_HOME: home }, UID, ROOT), environmentFor(home));
  const begin: Trial["begin"] = (words, options = {}) =>
    spawn(join(ROOT, "skerry"), words, {
      cwd: options.directory ?? files,
      env: { ...environmentFor(home), ...options.environment },
      stdio: ["pipe", "pipe", "pipe"],
    });
  return {
    home,
    files,
    client,
    begin,
    skerry: async (words, options = {}) => {
      const child = begin(words, options);
      child.stdin?.on("error", () => {});
      child.stdin?.end(options.input ?? "");
      return await endOf(child, options.timeoutMs ?? 120_000);
    },
    async close() {
      const listed = await client.call<{ readonly compartments?: readonly { readonly name?: string }[] }>(
        "ListCompartments",
        {},
      );
      for (const { name = "" } of listed.ok ? (listed.value.compartments ?? []) : [])
        await client.call("Kill", { name });
      await client.shutdown();
      // Overlayfs keeps a folder that is shut to everybody beside each copy, slots are shut, and an app may shut others.
      const shut = [`${home}/data/copies`, `${home}/run/slots`, files];
      spawnSync("/usr/bin/chmod", ["-R", "u+rwX", ...shut], { stdio: "ignore" });
      removeFolder(home);
    },
  };
}

/**
 * As rm(1) does it, which needs no right to look into a folder that is empty: slots are such folders. What has just ended may
 * still write, and then it is not empty.
 */
export function removeFolder(path: string): void {
  const remove = () => spawnSync("/usr/bin/rm", ["-rf", "--", path], { encoding: "utf8" });
  let removed = remove();
  for (let tries = 0; removed.status !== 0 && tries < 20; tries++) {
    spawnSync("/usr/bin/sleep", ["0.5"]);
    removed = remove();
  }
  assert.equal(removed.status, 0, removed.stderr);
}

/** What the program printed, and its exit code; it is killed after the time, which then shows in the code. */
export async function endOf(child: ReturnType<typeof spawn>, timeoutMs: number): Promise<Ended> {
  let [stdout, stderr] = ["", ""];
  child.stdout?.on("data", (piece) => (stdout += String(piece)));
  child.stderr?.on("data", (piece) => (stderr += String(piece)));
  const timer = setTimeout(() => {
    child.kill("SIGKILL");
    // What it has started may hold the other ends, and run on.
    child.stdout?.destroy();
    child.stderr?.destroy();
  }, timeoutMs);
  return await new Promise((resolve) => {
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? -1, stdout, stderr });
    });
  });
}
