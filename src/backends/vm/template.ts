/**
 * Template: a machine's memory and state from before it knows of any start, and starts that go on from there. Pure.
 *
 * QEMU 7.2 opens a file of memory for writing even where it only maps it privately. So a machine whose VMM was taken over
 * could change the file; who uses it looks at its time of change first (agent/machines/).
 */
import { createHash } from "node:crypto";
import type { CompartmentSpec } from "../../model/index.ts";
import type { ArchiveEntry } from "../../step/index.ts";
import { type MachineFiles, TEMPLATE_FILES, type TemplateWish } from "../backend.ts";
import { HERE, INSIDE as MACHINE, type OuterShares, type Shares } from "./shares.ts";
import type { Machine } from "./vmm.ts";

/** Changes when the same parts would make another machine. */
const TEMPLATE_FORMAT = 1;

/** Where its files are seen behind the outer wall. */
const INSIDE = "/vm/template";

/** Far above what a copy takes to answer, also on a slow host; a boot takes as long there. */
const COPY_WITHIN_MS = 30_000;

/** A machine keeps the size of a disk that it has seen, so starts have disks of one size. */
const DISK_STEP_BYTES = 256 * 1024;

/** Of an entry of an archive, beside its path and content. */
const ENTRY_BYTES = 512;

/** Room for a start's archive, which grows in large steps only. */
export function startDiskBytes(entries: readonly ArchiveEntry[]): number {
  const bytes = entries.reduce(
    (sum, entry) =>
      sum + ENTRY_BYTES + entry.path.length + (entry.kind === "file" ? Buffer.byteLength(entry.content) : 0),
    ENTRY_BYTES,
  );
  return Math.ceil(bytes / DISK_STEP_BYTES) * DISK_STEP_BYTES;
}

/** In a template that is being made, folders of the host's are devices with nothing behind them. */
export function withoutSources({ of }: Shares): OuterShares {
  const shown = [...of.values()].flatMap(({ name }) => ["--dir", `${MACHINE}/${name}/${HERE}`]);
  return { shown, staged: [], mounted: [], steps: [] };
}

/** Whose machine is written down has no network meanwhile. */
export function withoutNetworks(spec: CompartmentSpec): CompartmentSpec {
  return { ...spec, contributions: spec.contributions.filter(({ kind }) => !NETWORKS.has(kind)) };
}

const NETWORKS: ReadonlySet<string> = new Set(["network", "named-network", "link", "publish"]);

/** @param machine - all that its VMM is told; @param version - the VMM's */
export function templateKey(
  machine: readonly string[],
  { kernel, root, disks }: MachineFiles,
  version: string,
  startBytes: number,
): string {
  const parts = [TEMPLATE_FORMAT, version, machine, kernel, root, disks, startBytes];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}

/** What the outer wall shows of it, and to whom. */
export function shownTemplate(
  { kind, folder }: TemplateWish,
  { allocated, uid, gid }: CompartmentSpec["user"],
  stage: string,
): { readonly staged: readonly string[]; readonly mounts: readonly string[] } {
  const source = allocated ? `${stage}/template` : folder;
  return {
    staged: allocated ? ["--idmap", folder, source, String(uid), String(gid)] : [],
    mounts:
      kind === "make"
        ? ["--bind", source, INSIDE]
        : [
            ...["--ro-bind", source, INSIDE],
            ...["--bind", `${source}/${TEMPLATE_FILES.memory}`, `${INSIDE}/${TEMPLATE_FILES.memory}`],
          ],
  };
}

/** One more stream, where a machine stops to be written down, and goes on as a copy. guest/init knows its name. */
const GO = { name: "skerry.go", socket: "/run/go" };

/** The same machine as a template that is being made, or as a copy of it. */
export function asTemplate(machine: Machine, kind: TemplateWish["kind"]): Machine {
  const memory = { kind: kind === "make" ? "template" : "copy", file: `${INSIDE}/${TEMPLATE_FILES.memory}` } as const;
  return { ...machine, ports: [...machine.ports, GO], memory, givesBack: false };
}

/**
 * What the monitor is told in front of the VMM's own words, and behind them.
 *
 * @param boots - what starts the machine where nothing is written down; for a copy that does not go on
 */
export function monitorWords(
  { kind }: TemplateWish,
  command: readonly string[],
  boots: readonly string[],
): readonly string[] {
  const state = `${INSIDE}/${TEMPLATE_FILES.state}`;
  return kind === "make"
    ? ["--template", state, ...command]
    : ["--copy", state, String(COPY_WITHIN_MS), ...command, "--or-else", ...boots];
}
