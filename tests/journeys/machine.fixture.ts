/** Processes of a wall and of a machine, seen from the host. */
import { readdirSync, readFileSync } from "node:fs";
import { processOf } from "../../src/host/processes.ts";
import { commandOf } from "./life.fixture.ts";

/** Of /proc/PID/stat, as every Linux of today counts. */
const TICKS_A_SECOND = 100;

/** All that come of a process, however far away. */
function childrenOf(parent: number): readonly number[] {
  const children = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => processOf(pid)?.parent === parent);
  return [...children, ...children.flatMap(childrenOf)];
}

export function familyOf(pid: number): readonly number[] {
  return [pid, ...childrenOf(pid)];
}

/** What all that runs of it has used of the processor. */
export function processorSecondsOf(wall: number): number {
  const ticks = familyOf(wall).map((pid) => {
    try {
      // Behind the name, which may hold anything: user and system time are the 14th and 15th field.
      const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
      return Number(fields[11]) + Number(fields[12]);
    } catch {
      return 0;
    }
  });
  return ticks.reduce((sum, one) => sum + one, 0) / TICKS_A_SECOND;
}

/** The program that runs the machine behind this wall. */
export function vmmOf(wall: number): number | undefined {
  return familyOf(wall).find((pid) => /^\S*qemu-system-\S+ /.test(commandOf(pid)));
}
