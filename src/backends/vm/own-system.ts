/**
 * Own system: the vm backend for a system that brings its own kernel, on disks.
 *
 * Nothing of ours runs inside: no wall around an app, no agent, no image. So the machine is all of the wall inside, and what
 * it has is its disks, a console, and firmware; where it is granted, a network card, folders by 9p, and a screen. Outside is
 * the same wall as around every machine.
 *
 * Invariants
 * - Behind the outer wall are the disks' files and nothing else of the owner's, whatever an image may name.
 * - A file that was not answered with `real` is read-only there.
 */
import { type CompartmentSpec, type Contribution, type DiskFile, systemFolder } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import type { Step } from "../../step/index.ts";
import type { Backend, BackendContext, BackendProblem, WallPlan } from "../backend.ts";
import { behind, claimed, filterFor } from "../container/container.ts";
import { planLimits } from "../container/limits.ts";
import { qemu } from "./qemu.ts";
import { CARD_ADDRESS, planCard } from "./network-card.ts";
import { spaceOfDisks } from "./own-space.ts";
import { INSIDE, type OuterShares, type Share, sharesOf } from "./shares.ts";
import { type SystemDisk, type SystemFolder, systemCommand, tpmCommand } from "./system-command.ts";
import { monitorCommand, monitorFiles, type Shown } from "./monitor.ts";
import { bubblewrapPart, helperPart, memoryOf, type Outer, outside, sizeOf, vm } from "./vm.ts";

/** Of a system whose owner has written no limit. The host gives it only what is used. */
const DEFAULT_MEMORY_MIB = 2048;

/** The machine's own folder behind the outer wall: disks that it writes, and what firmware and TPM remember. */
const OWN = `${INSIDE}/own`;

const SOCKETS = "/run";

const MONITOR_FILES = [
  ...["system.ts", "console.ts", "machine-control.ts", "streams.ts", "card.ts", "card-frames.ts", "picture.ts"],
];

/** All that can be let into such a machine. */
const LET_IN: ReadonlySet<Contribution["kind"]> = new Set([
  ...(["disk", "network", "named-network", "link", "bind", "copy", "pick", "empty-folder", "display"] as const),
]);

/** Of the name of a folder, by which the system mounts it: QEMU's limit. */
const TAG_BYTES_LIMIT = 31;

type DiskContribution = Extract<Contribution, { readonly kind: "disk" }>;

/** Both kinds of machines behind one word: with an image of ours, and with a system of its own. */
export const machines: Backend = {
  ...vm,
  enforces: new Set([...vm.enforces, "disk"]),
  plan(spec, context) {
    if (spec.system !== undefined) return planSystem(spec, spec.system, context);
    return spec.contributions.some(({ kind }) => kind === "disk")
      ? refusal({ kind: "cannot-enforce", backend: vm.name, contribution: "disk" })
      : vm.plan(spec, context);
  },
};

function planSystem(
  spec: CompartmentSpec,
  system: NonNullable<CompartmentSpec["system"]>,
  context: BackendContext,
): Result<WallPlan, BackendProblem> {
  const backend = `${vm.name} with a system of its own`;
  const astray = spec.contributions.find((one) => !LET_IN.has(one.kind) || isForApps(one));
  if (astray !== undefined) return refusal({ kind: "cannot-enforce", backend, contribution: astray.kind });
  const { facts, places } = context;
  if (spec.vmm !== undefined && spec.vmm !== qemu.name)
    return refusal({ kind: "vmm-lacks", vmm: spec.vmm, lacks: ["run a system of its own"] });
  const swtpm = facts.programs["swtpm"]?.path;
  if (system.tpm && swtpm === undefined)
    return refusal({
      kind: "backend-unavailable",
      backend: vm.name,
      missing: ["swtpm: install Debian's package swtpm"],
    });
  const memory = memoryOf(spec);
  if (!memory.ok) return memory;
  const memoryMiB = spec.limits.memoryBytes === undefined ? DEFAULT_MEMORY_MIB : memory.value.memoryMiB;
  const limits = planLimits(outside(spec), facts);
  if (!limits.ok) return limits;
  const space = spaceOfDisks(spec);
  if (!space.ok) return space;
  const folder = `${places.runtime}/compartments/${spec.id}`;
  const filter = filterFor({ ownSandbox: false }, context, context.streams === "passed-on");
  const stage = `${folder}/stage`;
  const attached = attach(spec, stage, systemFolder(places, spec.name).own);
  const granted = sharesOf(spec, folder, context);
  // What hides a part of a folder lies in that; nothing of ours runs in it that could make a place by itself.
  const alone = spec.contributions.some((one) => one.kind === "empty-folder" && !granted.within.has(one));
  if (alone) return refusal({ kind: "cannot-enforce", backend, contribution: "empty-folder" });
  // Nor one that could show a folder later.
  const folders = [...granted.of.values()].filter(({ slot }) => slot !== "bare");
  const twice = sameTag(folders);
  if (twice !== undefined) return refusal({ kind: "same-tag", name: spec.name, ...twice });
  const wanted = attached.disks.length + folders.length;
  if (wanted > qemu.mostPlaces) return refusal({ kind: "machine-full", backend, wanted, limit: qemu.mostPlaces });
  const card = planCard(spec, context, { folder, stage, backend, asks: true });
  if (!card.ok) return card;
  const machine = context.machine ?? absent("the machine's files");
  const outer: Outer = {
    folder,
    files: [...monitorFiles(machine, "system", MONITOR_FILES, INSIDE), ...attached.files],
    shares: together(attached.shares, granted),
    ...{ card: card.value, joints: [], template: undefined },
  };
  const steps: readonly Step[] = [
    { kind: "make-folder", path: folder, mode: spec.user.allocated ? 0o711 : 0o700 },
    { kind: "make-folder", path: context.files, mode: 0o700 },
    { kind: "make-folder", path: stage, mode: 0o755 },
    filter.step,
    ...outer.shares.steps,
    ...card.value.steps,
    ...limits.value.steps,
  ];
  const command = systemCommand(
    {
      ...sizeOf(spec, memoryMiB, facts),
      ...(spec.limits.io === undefined ? {} : { io: spec.limits.io }),
      accelerator: facts.accelerator.kind,
      system,
      disks: attached.disks,
      variables: `${OWN}/variables`,
      sockets: SOCKETS,
      card: card.value.socket === undefined ? undefined : CARD_ADDRESS,
      folders: folders.map(asFolder),
      screen: spec.contributions.some(({ kind }) => kind === "display"),
    },
    facts.programs[qemu.program]?.path ?? absent(qemu.program),
  );
  const tpm = system.tpm ? tpmCommand(swtpm ?? absent("swtpm"), `${OWN}/tpm`, SOCKETS) : [];
  const monitor = [...monitorCommand(machine, "system", INSIDE), SOCKETS];
  return success({
    steps,
    argv: behind(limits.value.prefix, [
      ...claimed(context),
      ...helperPart(spec, context, { ...outer, filter: filter.path, limits: limits.value.helper }),
      "--",
      ...bubblewrapPart(spec, context, outer),
      ...[...monitor, ...tpm, "--", ...command],
    ]),
    cgroups: limits.value.cgroups,
    weaker: [...limits.value.weaker.filter(({ limit }) => limit !== "memory"), ...memory.value.weaker, ...space.value],
  });
}

/** What no system of its own can have of what an app can: the owner's screen, and a name that is no tag. */
function isForApps(one: Contribution): boolean {
  if (one.kind === "display") return one.screen !== "virtual";
  return (
    (one.kind === "bind" || one.kind === "copy" || one.kind === "pick") && tagOf(one.target).length > TAG_BYTES_LIMIT
  );
}

/** In such a system nothing has a place yet; the last part of the wanted one is the name. */
function tagOf(target: string): string {
  return target.slice(target.lastIndexOf("/") + 1);
}

/** Of two folders with one tag the system would find the one that its kernel happens to see first. */
function sameTag(folders: readonly Share[]): { readonly tag: string; readonly places: readonly string[] } | undefined {
  const places = folders.map(({ seen }) => seen.target);
  const second = places.find((place, index) => places.findIndex((one) => tagOf(one) === tagOf(place)) !== index);
  if (second === undefined) return undefined;
  const tag = tagOf(second);
  return { tag, places: places.filter((place) => tagOf(place) === tag) };
}

function asFolder({ name, seen, written }: Share): SystemFolder {
  return { tag: tagOf(seen.target), folder: `${INSIDE}/${name}/${seen.part}`, writable: written };
}

function together(left: OuterShares, right: OuterShares): OuterShares {
  return {
    shown: [...left.shown, ...right.shown],
    staged: [...left.staged, ...right.staged],
    mounted: [...left.mounted, ...right.mounted],
    steps: [...left.steps, ...right.steps],
  };
}

interface Attached {
  readonly disks: readonly SystemDisk[];
  readonly files: readonly Shown[];
  readonly shares: OuterShares;
}

/** Where each file of the host's is seen: what is only read as a file by itself, what is written as a share. */
function attach({ contributions, user }: CompartmentSpec, stage: string, own: string): Attached {
  const files: Shown[] = [];
  const shares = [share("own", own)];
  const disks = contributions.filter((one): one is DiskContribution => one.kind === "disk").map(attachOne);
  return { disks, files, shares: shares.reduce(together) };

  function attachOne({ name, as, file, below, access }: DiskContribution): SystemDisk {
    const writable = access === "write";
    return {
      ...{ name, as, writable, file: seen(file, `disk-${name}`, writable) },
      below: below === undefined ? undefined : seen(below, `below-${name}`, false),
    };
  }

  function seen({ path, format }: DiskFile, name: string, writable: boolean): DiskFile {
    if (path.startsWith(`${own}/`)) return { path: `${OWN}${path.slice(own.length)}`, format };
    if (writable) shares.push(share(name, path));
    else files.push({ file: path, inside: `${INSIDE}/${name}` });
    return { path: `${INSIDE}/${name}`, format };
  }

  function share(name: string, source: string): OuterShares {
    const staged = `${stage}/${name}`;
    const { allocated, uid, gid } = user;
    return {
      ...{ mounted: [], steps: [] },
      shown: ["--bind", allocated ? staged : source, `${INSIDE}/${name}`],
      staged: allocated ? ["--idmap", source, staged, String(uid), String(gid)] : [],
    };
  }
}

/** What a copy's own file says of the file below it, which whoever reads it again can hold it to. */
export function belowInside(name: string): string {
  return `${INSIDE}/below-${name}`;
}

/** `missing` is asked before `plan`, and the caller knows what boots. */
function absent(what: string): never {
  throw new Error(`${what} must be there`);
}
