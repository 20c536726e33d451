/**
 * Probe boot: whether KVM runs a virtual machine's processor here, or has to be left for emulation.
 *
 * That /dev/kvm opens says little: some hosts have one that emulates each instruction itself, a thousand times slower than
 * QEMU does. So a tiny program is booted by it, within a limit. The verdict is remembered for this boot and this QEMU.
 */
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Accelerator } from "../../model/index.ts";
import { hasCode, writeVolatile } from "../files.ts";
import { runProgram } from "../run-program.ts";
import { EXIT_PORT, PROBE_EXIT_CODE, PROBE_SAYS, probeProgram } from "./probe-program.ts";

/** A processor that needs longer for the probe, which QEMU emulates in a tenth of a second, is of no use. */
const LIMIT_MS = 2000;

/** What the machine and its firmware need, and some room. */
const MEMORY_MIB = 32;

export interface AcceleratorWanted {
  /** /dev/kvm, to those that machines are started as. */
  readonly device: "opens" | "closed" | "absent";
  /** Path of QEMU; undefined where there is none. */
  readonly qemu: string | undefined;
  /** Where the verdict is remembered. */
  readonly file: string;
}

export async function probeAccelerator({ device, qemu, file }: AcceleratorWanted): Promise<Accelerator> {
  if (device !== "opens") return { kind: "emulated", because: device };
  if (qemu === undefined) return { kind: "emulated", because: "no-qemu" };
  const key = await keyOf(qemu);
  const remembered = await verdictIn(file, key);
  if (remembered !== undefined) return remembered;
  let ends = await bootProbe(qemu, "kvm", LIMIT_MS);
  // The host may have stood still for a moment, and the verdict holds until it boots.
  if (ends === "slow") ends = await bootProbe(qemu, "kvm", LIMIT_MS);
  const verdict: Accelerator =
    ends === "counted" ? { kind: "kvm", because: undefined } : { kind: "emulated", because: ends };
  try {
    writeVolatile(file, JSON.stringify({ key, verdict }), 0o600);
  } catch (error) {
    // Without a place to remember it, it is tried again.
    if (!["EACCES", "EROFS", "ENOSPC", "EDQUOT", "ENOTDIR"].some((code) => hasCode(error, code))) throw error;
  }
  return verdict;
}

/** @param limitMs - none where it is left out */
export async function bootProbe(
  qemu: string,
  accelerator: "kvm" | "tcg",
  limitMs?: number,
): Promise<"counted" | "slow" | "fails"> {
  const folder = await mkdtemp(join(tmpdir(), "skerry-probe-"));
  try {
    const program = join(folder, "program");
    await writeFile(program, probeProgram(), { mode: 0o600 });
    const ended = await runProgram(
      [
        ...([qemu, "-M", "microvm", "-accel", accelerator, "-m", String(MEMORY_MIB)] as const),
        ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio"],
        ...["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"],
        ...["-device", `isa-debug-exit,iobase=${EXIT_PORT},iosize=1`, "-kernel", program],
      ],
      { maxOutputBytes: 65_536, ...(limitMs === undefined ? {} : { timeoutMs: limitMs }) },
    );
    if (!ended.ok) return ended.problem.kind === "timed-out" ? "slow" : "fails";
    return ended.value.code === PROBE_EXIT_CODE && ended.value.stdout === PROBE_SAYS ? "counted" : "fails";
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Another kernel is another boot; another QEMU is another file. */
async function keyOf(qemu: string): Promise<string> {
  const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "");
  const { dev, ino, size, mtimeMs } = await stat(qemu);
  return [boot.trim(), qemu, dev, ino, size, mtimeMs].join(" ");
}

async function verdictIn(file: string, key: string): Promise<Accelerator | undefined> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const { key: of, verdict }: { readonly key?: unknown; readonly verdict?: Accelerator } = JSON.parse(text);
    return of === key && (verdict?.kind === "kvm" || verdict?.kind === "emulated") ? verdict : undefined;
  } catch {
    // Ours, and of no use: it is found out anew.
    return undefined;
  }
}
