/**
 * Ways into a machine that runs, and what a further copy of it costs in memory. What one would use instead is a container's own
 * `exec`: ssh would need a server and keys in each machine.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { openStream } from "../src/host/index.ts";
import { ENVIRONMENT, SKERRY, skerry } from "./home.ts";
import { command, type Figure, inTurn, medianOf } from "./measure.ts";

/** The aims for the whole command, for one word to the machine and back, and for one more copy. */
const EXEC_MS = 100;
const ROUND_TRIP_MS = 10;
const COPY_MIB = 120;

const UP = "it stands";
const STANDS = ["-c", `echo ${UP}; exec sleep 10000`] as const;

interface Row {
  readonly name: string;
  readonly pid: number;
}

/** @param names - of a deployment in a machine, and of one of the same recipe in a container */
export async function measureEntry(
  { machine, container }: { readonly machine: string; readonly container: string },
  rounds: number,
): Promise<readonly Figure[]> {
  skerry("start", "-q", machine, "--", ...STANDS);
  skerry("start", "-q", container, "--", ...STANDS);
  try {
    await entered(machine);
    const exec = (name: string, words: string) =>
      command(words, [SKERRY, "exec", name, "--", "true"], { environment: ENVIRONMENT });
    const [ours, theirs] = await inTurn([exec(machine, "exec"), exec(container, "exec in a container")], rounds);
    if (ours === undefined || theirs === undefined) throw new Error("two were asked for");
    const ping = medianOf(await roundTrips(rowOf(machine).pid, rounds * 4));
    return [
      {
        ...{ what: "machine: exec of true", value: `${ours.medianMs.toFixed(1)} ms` },
        ...{ against: `${theirs.name}: ${theirs.medianMs.toFixed(1)} ms`, ratio: ours.medianMs / theirs.medianMs },
        ...atMost(ours.medianMs, EXEC_MS, "ms"),
      },
      {
        ...{ what: "machine: a word and back", value: `${ping.toFixed(1)} ms`, against: "", ratio: undefined },
        ...atMost(ping, ROUND_TRIP_MS, "ms"),
      },
    ];
  } finally {
    for (const name of [machine, container]) skerry("kill", name);
  }
}

/** Of a machine that has a snapshot: two copies run, and half of what they share is the second one's. */
export async function measureCopy(name: string): Promise<Figure> {
  const before = new Set(rows().map((row) => row.name));
  const words = ["run", "--rm", "-q", "--clone", name, "--", ...STANDS];
  const copies = [1, 2].map(() => spawn(SKERRY, words, { env: ENVIRONMENT, stdio: ["ignore", "pipe", "inherit"] }));
  try {
    await Promise.all(
      copies.map(async ({ stdout }) => {
        for await (const piece of stdout) if (String(piece).includes(UP)) return;
        throw new Error("a copy never said its word");
      }),
    );
    const mine = rows().filter((row) => !before.has(row.name));
    const mebibytes = medianOf(mine.map(({ pid }) => pssKiBOf(pid) / 1024));
    return {
      ...{
        what: "machine: memory of a second copy",
        value: `${mebibytes.toFixed(0)} MiB`,
        against: "",
        ratio: undefined,
      },
      ...atMost(mebibytes, COPY_MIB, "MiB"),
    };
  } finally {
    for (const row of rows()) if (!before.has(row.name)) skerry("kill", row.name);
    await Promise.all(copies.map(async (copy) => (copy.exitCode === null ? await once(copy, "close") : undefined)));
  }
}

function atMost(value: number, most: number, unit: string): Pick<Figure, "goal" | "reached"> {
  return { goal: `at most ${most} ${unit}`, reached: value <= most };
}

function rows(): readonly Row[] {
  return JSON.parse(skerry("ps", "--json"));
}

function rowOf(name: string): Row {
  const row = rows().find((one) => one.name === name);
  if (row === undefined) throw new Error(`${name} does not run`);
  return row;
}

/** The app of a machine begins some time after its wall stands. */
async function entered(name: string): Promise<void> {
  const child = spawn(SKERRY, ["logs", "--follow", name], { env: ENVIRONMENT, stdio: ["ignore", "pipe", "inherit"] });
  for await (const piece of child.stdout) if (String(piece).includes(UP)) break;
  child.kill();
}

async function roundTrips(pid: number, times: number): Promise<readonly number[]> {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // Behind the name, which may hold blanks, the time of the start is the twentieth word (proc_pid_stat(5)).
  const startTicks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  const took: number[] = [];
  for (let time = 0; time < times; time++) {
    const begun = performance.now();
    const opened = await openStream({ pid, startTicks }, "ping");
    took.push(performance.now() - begun);
    if (!opened.ok) throw new Error(opened.problem.because);
    opened.value.socket.destroy();
  }
  return took;
}

/** Of all that shares a process's pid namespace: the monitor and the VMM of one machine. */
function pssKiBOf(pid: number): number {
  const space = readlinkSync(`/proc/${pid}/ns/pid`);
  let sum = 0;
  for (const name of readdirSync("/proc").filter((one) => /^\d+$/.test(one))) {
    try {
      if (readlinkSync(`/proc/${name}/ns/pid`) !== space) continue;
      const text = readFileSync(`/proc/${name}/smaps_rollup`, "utf8");
      sum += Number(/^Pss:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0);
    } catch {
      // It has ended, or is somebody else's.
    }
  }
  return sum;
}
