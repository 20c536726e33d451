/**
 * For the helper's tests: builds it into a folder of the test's own, and knows a compartment to try it on.
 *
 * The compartment's root is this host's own /usr. As root the tests do what Skerry does as root: the compartment runs
 * under an unprivileged user.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, type SpawnSyncReturns, spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

export const IS_ROOT = process.getuid?.() === 0;

/** Whom the app is inside and outside. As root: a user that owns nothing on any host. */
export const APP = IS_ROOT
  ? { uid: 1_999_990_001, gid: 1_999_990_002 }
  : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

/** Why the tests cannot run on this host, or false: made for node:test's `skip`. */
export const CANNOT_HERE = missing(["/usr/bin/bwrap", "/usr/bin/cc"]);

export function missing(programs: readonly string[]): string | false {
  const absent = programs.filter((path) => !existsSync(path));
  return absent.length === 0 ? false : `cannot here: no ${absent.join(", ")}`;
}

export interface Workshop {
  /** Absolute path of a folder that the app's user can pass. */
  readonly folder: string;
  /** The helper, just built. */
  readonly helper: string;
}

/** Builds with the command that setup uses. */
export function openWorkshop(): Workshop {
  const folder = mkdtempSync(join(tmpdir(), "skerry-helper-"));
  chmodSync(folder, 0o755);
  const helper = join(folder, "skerry-helper");
  const sources = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".c"));
  const flags = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-o", helper];
  execFileSync("/usr/bin/cc", [...flags, ...sources.map((name) => join(import.meta.dirname, name))]);
  return { folder, helper };
}

export function closeWorkshop(workshop: Workshop): void {
  rmSync(workshop.folder, { recursive: true, force: true });
}

/** bubblewrap with every namespace but the network's, which the helper makes where a test wants one. */
export function bubblewrap(more: readonly string[], command: readonly string[]): readonly string[] {
  return [
    "/usr/bin/bwrap",
    ...["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup", "--cap-drop", "ALL"],
    ...["--uid", String(APP.uid), "--gid", String(APP.gid), "--clearenv", "--setenv", "PATH", "/usr/bin"],
    ...["--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib"],
    ...["--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", ...more],
    ...["--", ...command],
  ];
}

/** The options by which root gives way to the app's user; nothing where the tests run as a user already. */
export const BECOME_APP = IS_ROOT ? ["--uid", String(APP.uid), "--gid", String(APP.gid)] : [];

export function wall(options: readonly string[], bwrap: readonly string[]): readonly string[] {
  return ["wall", ...BECOME_APP, ...options, "--", ...bwrap];
}

export function runHelper(workshop: Workshop, words: readonly string[], input = ""): SpawnSyncReturns<string> {
  return spawnSync(workshop.helper, words, { encoding: "utf8", input, timeout: LIMIT_MS });
}

/** Runs a wall to its end and answers what the app wrote. */
export function outputOf(workshop: Workshop, words: readonly string[]): string {
  const done = runHelper(workshop, words);
  assert.equal(done.status, 0, done.stderr);
  return done.stdout;
}

/** The helper must end with code 125 and this one complaint, before any app has run. */
export function refused(workshop: Workshop, words: readonly string[], complaint: string | RegExp): void {
  const done = runHelper(workshop, words);
  assert.equal(done.stdout, "");
  if (typeof complaint === "string") assert.equal(done.stderr, `skerry-helper: ${complaint}\n`);
  else assert.match(done.stderr, complaint);
  assert.equal(done.status, 125);
}

/** For all waiting here: far above what is needed, since a machine may stand still for seconds. */
const LIMIT_MS = 60_000;

/** Looks again and again, for what another process is about to do. */
export async function until(holds: () => boolean): Promise<void> {
  for (const deadline = performance.now() + LIMIT_MS; ; await pause(20)) {
    if (holds()) return;
    if (performance.now() > deadline) assert.fail(`did not happen within ${LIMIT_MS / 1000} s: ${holds.toString()}`);
  }
}

/** A terminal with a program in it, and what it has shown. Keys are typed as a person does, after the words before. */
export function openTerminal(workshop: Workshop, name: string, lines: string) {
  const file = join(workshop.folder, `${name}.sh`);
  writeFileSync(file, lines);
  const child = spawn("/usr/bin/script", ["-qec", `exec /bin/bash --norc --noprofile ${file}`, "/dev/null"], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { PATH: "/usr/bin", SHELL: "/bin/sh", PS1: "$ " },
  });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  let shown = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    shown += text;
  });
  return {
    ended,
    shown: () => shown,
    type: async (after: string, keys: string) => {
      await until(() => shown.includes(after));
      child.stdin.write(keys);
    },
  };
}

/** A command as one line for a shell. */
export function quoted(words: readonly string[]): string {
  return words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
}

export interface Standing {
  readonly process: ChildProcess;
  /** bubblewrap's child as the host sees it. */
  readonly child: number;
  readonly ticks: string;
  readonly status: string;
}

/** Starts a wall in the background and waits until bubblewrap has told of its child and the app has said "up". */
export async function standUp(
  workshop: Workshop,
  name: string,
  options: readonly string[],
  script: string,
): Promise<Standing> {
  const status = join(workshop.folder, `${name}.status`);
  const words = wall(["--status", status, ...options], bubblewrap([], ["/bin/sh", "-c", `echo up; ${script}`]));
  const process = spawn(workshop.helper, words, { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  process.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const deadline = performance.now() + LIMIT_MS;
  while (performance.now() < deadline) {
    const written = existsSync(status) ? readFileSync(status, "utf8") : "";
    const child = /"child-pid": (\d+)/.exec(written)?.[1];
    if (child !== undefined && said.includes("up\n")) {
      return { process, child: Number(child), ticks: startTicks(Number(child)), status };
    }
    await pause(10);
  }
  throw new Error(`${name} does not stand: ${said}`);
}

/** SIGKILL to the first process of a pid namespace ends all that is in it. */
export async function pullDown(standing: Standing): Promise<void> {
  const { process: wallProcess } = standing;
  if (wallProcess.exitCode !== null || wallProcess.signalCode !== null) return;
  const ended = new Promise((resolve) => wallProcess.once("exit", resolve));
  process.kill(standing.child, "SIGKILL");
  await ended;
}

/** Field 22 of proc_pid_stat(5), counted behind the name. */
export function startTicks(pid: number): string {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  return (
    text
      .slice(text.lastIndexOf(")") + 2)
      .split(" ")
      .at(19) ?? ""
  );
}
