/**
 * Processes: what is known on the host of a compartment's processes, and how they are frozen and ended.
 *
 * A process id alone names nothing for long; here it always comes with the time the process was started
 * (proc_pid_stat(5), field 22), and what does not fit any more is gone.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { readFile, rmdir, writeFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";

export interface ProcessName {
  readonly pid: number;
  /** Clock ticks since boot. */
  readonly startTicks: string;
}

/** @returns undefined where there is no such process, or only what is left of a dead one */
export function processOf(pid: number): (ProcessName & { readonly parent: number }) | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may hold anything; what follows the last one is plain.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const [state, parent, startTicks] = [fields[0], fields[1], fields[19]];
    if (startTicks === undefined || state === "Z" || state === "X") return undefined;
    return { pid, startTicks, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

export function isAlive(name: ProcessName): boolean {
  return processOf(name.pid)?.startTicks === name.startTicks;
}

/** Of a wall's first process: bubblewrap has done all that it does before the app begins, which is its child. */
export function hasChild({ pid }: ProcessName): boolean {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8") !== "";
  } catch {
    return false;
  }
}

/** Host process ids of all that is in the same process namespace as `pid`, also what was entered later. */
export function processesBeside(pid: number): readonly number[] {
  const namespace = namespaceOf(pid);
  if (namespace === undefined || namespace === namespaceOf(process.pid)) return [];
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return all.map(Number).filter((candidate) => namespaceOf(candidate) === namespace);
}

/** The same, with those in process namespaces that the app has made itself, as a sandbox of its own does. */
export function processesWithin(first: ProcessName): readonly ProcessName[] {
  const all = readdirSync("/proc").flatMap((name) => {
    const found = /^\d+$/.test(name) ? processOf(Number(name)) : undefined;
    return found === undefined ? [] : [found];
  });
  const within = new Set(processesBeside(first.pid));
  for (let before = -1; before !== within.size; ) {
    before = within.size;
    for (const { pid, parent } of all) if (within.has(parent)) within.add(pid);
  }
  return all.filter(({ pid }) => within.has(pid));
}

function namespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

/** Sends a signal unless the process is another one by now. @returns false where it is gone */
export function signalProcess(name: ProcessName, signal: NodeJS.Signals): boolean {
  if (!isAlive(name)) return false;
  try {
    process.kill(name.pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** @returns false where it still lives after the time */
export async function waitForEnd(name: ProcessName, limitMs: number): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  while (isAlive(name)) {
    if (performance.now() > deadline) return false;
    await pause(10);
  }
  return true;
}

/**
 * Stops every process of the compartment, or lets all go on: by the control group's freezer where there is one, else by
 * signals, again and again until no new process has appeared.
 *
 * @returns how it was done
 */
export async function setFrozen(
  first: ProcessName,
  cgroups: readonly string[],
  frozen: boolean,
): Promise<"cgroup" | "signals"> {
  for (const cgroup of [...cgroups, ...scopeOf(first.pid)]) {
    for (const [file, value] of [
      ["cgroup.freeze", frozen ? "1" : "0"],
      ["freezer.state", frozen ? "FROZEN" : "THAWED"],
    ] as const) {
      const done = await writeFile(`${cgroup}/${file}`, value, { flag: "r+" }).then(
        () => true,
        () => false,
      );
      if (!done) continue;
      if (frozen) await untilStill(cgroup);
      return "cgroup";
    }
  }
  let before = -1;
  for (let round = 0; round < 20; round++) {
    const pids = processesWithin(first);
    for (const { pid } of pids) {
      try {
        process.kill(pid, frozen ? "SIGSTOP" : "SIGCONT");
      } catch {
        // It has ended meanwhile.
      }
    }
    if (pids.length === before) break;
    before = pids.length;
  }
  return "signals";
}

/** A group is frozen some time after that was written; what waits for a dead network disk never is. */
async function untilStill(cgroup: string): Promise<void> {
  const deadline = performance.now() + STILL_WITHIN_MS;
  for (;;) {
    const texts = ["cgroup.events", "freezer.state"].map(
      async (file) => await readFile(`${cgroup}/${file}`, "utf8").catch(() => ""),
    );
    const still = (await Promise.all(texts)).some((text) => /^frozen 1$|^FROZEN$/m.test(text));
    if (still || performance.now() > deadline) return;
    await pause(1);
  }
}

const STILL_WITHIN_MS = 1000;

/** The control group of a start through systemd, which chose its place itself. Never one that is not a start's own. */
function scopeOf(pid: number): readonly string[] {
  try {
    const path = /^0::(\/\S*\/skerry-[a-z0-9.-]+\.scope)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))?.[1];
    return path === undefined || path.includes("/../") ? [] : [`/sys/fs/cgroup${path}`];
  } catch {
    return [];
  }
}

/** Removes control groups that nothing is in any more. What was killed may be there for a moment, and nobody comes again. */
export async function removeCgroups(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    for (let attempt = 0; attempt < 250; attempt++) {
      const code = await rmdir(path).then(
        () => undefined,
        (error: NodeJS.ErrnoException) => error.code,
      );
      if (code !== "EBUSY") break;
      await pause(20);
    }
  }
}

export interface Usage {
  readonly processes: number;
  /** Resident set of all processes, bytes; shared pages count once for each. */
  readonly residentBytes: number;
  /** CPU time used by all processes that live, whole milliseconds. */
  readonly cpuMs: number;
}

/** What a compartment's processes use now. Source: proc_pid_stat(5); 100 ticks a second, 4 KiB pages. */
export async function usageOf(first: ProcessName): Promise<Usage> {
  let [processes, pages, ticks] = [0, 0, 0];
  for (const pid of processesBeside(first.pid)) {
    try {
      const text = await readFile(`/proc/${pid}/stat`, "utf8");
      const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
      processes += 1;
      ticks += Number(fields[11]) + Number(fields[12]);
      pages += Number(fields[21]);
    } catch {
      // It has ended meanwhile.
    }
  }
  return { processes, residentBytes: pages * 4096, cpuMs: ticks * 10 };
}
