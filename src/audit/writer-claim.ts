/**
 * Writer claim: at most one process writes an audit folder.
 *
 * A claim is an empty file whose name says which process holds it: boot, process id, start time of the process, and a
 * random part. Everyone makes their own claim first and looks at the others' then. Of two who come at once at least
 * one sees the other, so never do both write; it can happen that both step back, and one has to come again.
 *
 * Invariants
 * - A claim of a process that is gone never blocks: its name can be no one else's, so anyone may remove it.
 * - Processes in another pid namespace cannot be told from dead ones: an audit folder belongs to one of them.
 */
import { randomBytes } from "node:crypto";
import { closeSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Result, refusal, success } from "../result.ts";

export interface AuditClaimed {
  readonly kind: "audit-claimed";
  readonly folder: string;
  /** Process that writes there. */
  readonly pid: number;
}

export interface WriterClaim {
  release(): void;
}

const CLAIM_PATTERN = /^writer\.([0-9a-f]+)\.([0-9]+)\.([0-9]+)\.[0-9a-f]+$/;

/**
 * Problems
 * - `audit-claimed`: another process that is alive, or this one, writes there
 */
export function claimWriter(folder: string): Result<WriterClaim, AuditClaimed> {
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").replace(/[^0-9a-f]/g, "");
  const own = `writer.${boot}.${process.pid}.${startTicks(process.pid)}.${randomBytes(8).toString("hex")}`;
  const release = () => rmSync(join(folder, own), { force: true });
  closeSync(openSync(join(folder, own), "wx", 0o600));
  for (const name of readdirSync(folder)) {
    const [, itsBoot, pid, ticks] = CLAIM_PATTERN.exec(name) ?? [];
    if (name === own || itsBoot === undefined || pid === undefined || ticks === undefined) continue;
    if (itsBoot === boot && startTicks(Number(pid)) === ticks) {
      release();
      return refusal({ kind: "audit-claimed", folder, pid: Number(pid) });
    }
    rmSync(join(folder, name), { force: true });
  }
  return success({ release });
}

/** Field 22 of proc_pid_stat(5): with the pid it names one process of this boot; undefined where there is none. */
function startTicks(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field, the program's name, can hold spaces and parentheses: count from behind it.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
