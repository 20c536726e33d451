/**
 * The vm backend: a virtual machine for each start, with a kernel of its own.
 *
 * Outside is the same wall as a container's, around the VMM and its monitor (host/monitor/) instead of the app: no network,
 * no file of the owner's, no privilege. Inside the machine the app has that wall around it once more (start-disk.ts).
 *
 * Invariant: what is not let in here is not there. The machine has disks of the image's layers, one of its start, and
 * streams; a network card only where a network is answered for (network-card.ts), no folder of the host's.
 */
import { type CompartmentSpec, type Contribution, type HostFacts, VMM_NAMES } from "../../model/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import type { Argv, Step } from "../../step/index.ts";
import type {
  Backend,
  BackendContext,
  BackendProblem,
  Entrance,
  Entry,
  EntryContext,
  MachineFiles,
  PortPlaces,
  StandingWall,
  Weaker,
  WallPlan,
} from "../backend.ts";
import { behind, claimed, container, filterFor, helperOf } from "../container/container.ts";
import { DEFAULT_TASKS, planLimits } from "../container/limits.ts";
import { spaceOfFolders } from "../storage-limits.ts";
import { CARD_ADDRESS, type CardPlan, cardWords, planCard } from "./network-card.ts";
import { cardUse } from "./pass-through.ts";
import { jointsOf, portCards, portEntries, RULES_SHARE } from "./ports.ts";
import { type ScreenWay, screenWay } from "./screen-way.ts";
import { INSIDE, type OuterShares, type Share, sharesOf, allShares, slotShare } from "./shares.ts";
import { monitorCommand, monitorFiles, type Shown } from "./monitor.ts";
import { enterWords, slotWords, startDisk } from "./start-disk.ts";
import { resumeWords, SUSPENDED, suspendsOf } from "./suspends.ts";
import { systemAttachments, systemEntry, systemSlot } from "./system-entry.ts";
import { systemDisk } from "./system-disk.ts";
import {
  asTemplate,
  monitorWords,
  shownTemplate,
  startDiskBytes,
  templateKey,
  withoutNetworks,
  withoutSources,
} from "./template.ts";
import { CAPABILITIES, lacksOf, type Machine, type Vmm } from "./vmm.ts";
import { VMMS } from "./vmms.ts";

const MEBIBYTE = 1024 * 1024;

/** Of a machine whose owner has written no limit. The host gives it only what is used. */
export const DEFAULT_MEMORY_MIB = 1024;

/** With less, the kernel and the root in memory leave nothing for an app. */
const LEAST_MEMORY_MIB = 192;

const PASST_INSIDE = `${INSIDE}/passt`;

/** The monitor's own files, and what tells Node how to read them. */
const MONITOR_FILES = [
  ...[
    "main.ts",
    "machine.ts",
    "app.ts",
    "channel.ts",
    "clients.ts",
    "clock-watch.ts",
    "tell.ts",
    "suspend.ts",
    "ask-machine.ts",
    "mux-frames.ts",
    "mux.ts",
    "streams.ts",
  ],
  ...[
    "service.ts",
    "switch-off.ts",
    "control.ts",
    "copies.ts",
    "qmp.ts",
    "raise.ts",
    "memory.ts",
    "card.ts",
    "card-frames.ts",
  ],
  ...["ports.ts", "wire.ts", "hub.ts", "frames.ts", "stations.ts"],
];

/** Ports between the monitor and the machine: guest/init knows the one, the units of system-disk.ts the others. */
const WAYS = { app: ["port"], system: ["control", "out", "port"] } as const;

/**
 * What the kernel says is for a failed start; where it gives up, the machine ends. It need not test its own algorithms at
 * each start, which takes an emulated one a third of its time. On a busy host an emulated timer may look to it as if it did
 * not run.
 */
const KERNEL_WORDS = "console=ttyS0 quiet panic=-1 cryptomgr.notests no_timer_check";

const UNPACKAGED = "Debian has no package of it; put the program on the PATH, or take `vmm` out of the deployment";

export const vm: Backend = {
  name: "vm",
  summary: "A virtual machine with a kernel of its own, through QEMU.",
  boots: true,
  enforces: new Set([
    ...(["bind", "copy", "pick", "empty-folder", "slot", "memory-folder", "file", "variable", "secret"] as const),
    ...(["network", "named-network", "link", "publish", "port", "ports", "card", "display"] as const),
  ]),

  missing(facts: HostFacts, spec: Pick<CompartmentSpec, "vmm"> = {}): readonly string[] {
    const out = [...container.missing(facts)];
    if (facts.architecture !== "amd64")
      out.push(`virtual machines are tried on amd64 only, and this is ${facts.architecture}`);
    const vmm = vmmOf(spec);
    for (const [program, name] of [
      [vmm.program, vmm.package],
      ["mkfs.erofs", "erofs-utils"],
    ] as const)
      if (facts.programs[program] === undefined)
        out.push(`${program}: ${name === undefined ? UNPACKAGED : `install Debian's package ${name}`}`);
    return out;
  },

  plan(spec, context): Result<WallPlan, BackendProblem> {
    const machine = context.machine ?? absent("the machine's files");
    const folder = `${context.places.runtime}/compartments/${spec.id}`;
    const shares = sharesOf(spec, folder, context);
    const contribution = cannotHave(spec, machine);
    if (contribution !== undefined) return refusal({ kind: "cannot-enforce", backend: vm.name, contribution });
    const way = screenWay(spec, `${folder}/stage`, INSIDE, context);
    // The start has a disk as well.
    const wanted = machine.disks.length + shares.of.size + 1 + (way?.disks.length ?? 0);
    const vmm = vmmOf(spec);
    if (wanted > vmm.mostPlaces)
      return refusal({ kind: "machine-full", backend: vm.name, wanted, limit: vmm.mostPlaces });
    const memory = memoryOf(spec);
    if (!memory.ok) return memory;
    const limits = planLimits(outside(spec), context.facts);
    if (!limits.ok) return limits;
    const space = spaceOfFolders(spec, context.places);
    if (!space.ok) return space;
    const use = context.card && cardUse(context.card, spec.user, memory.value.memoryMiB * MEBIBYTE);
    const wish = machine.template;
    const making = wish?.kind === "make";
    const at = { folder, stage: `${folder}/stage`, backend: vm.name };
    const planned = planCard(spec, context, at);
    if (!planned.ok) return planned;
    const networked = planned.value.socket !== undefined;
    // What is written down has a card that is connected with nothing.
    const card = making ? planCard(withoutNetworks(spec), context, at) : planned;
    if (!card.ok) return card;
    const ports = context.ports ?? {};
    const size = sizeOf(spec, memory.value.memoryMiB, context.facts);
    const cards = [
      ...(networked ? [{ name: "card", socket: "/run/card", address: CARD_ADDRESS }] : []),
      ...portCards(ports),
    ];
    const shape = spec.guest ?? "app";
    const described: Machine = {
      ...machineOf(machine, size, { shares: shares.of, ports, cards, way, ways: WAYS[shape] }, context.facts),
      // A card of the host's works with memory by itself, which therefore stays where it is.
      ...(spec.limits.io === undefined ? {} : { io: spec.limits.io }),
      ...(context.card === undefined ? {} : { passed: context.card.device.address, givesBack: false }),
    };
    const lacks = lacksOf(vmm, wish === undefined ? described : asTemplate(described, wish.kind));
    if (lacks.length > 0)
      return refusal({ kind: "vmm-lacks", vmm: vmm.name, lacks: lacks.map((one) => CAPABILITIES[one]) });
    const program = context.facts.programs[vmm.program]?.path ?? absent(vmm.program);
    const commandFor = (one: Machine) => vmm.plan(one, program, `${INSIDE}/settings`);
    const command = commandFor(described);
    // Two filters: the app's is for inside, where no terminal is; what is outside needs no sandbox of its own.
    const appFilter = filterFor(spec, context, false);
    const filter = filterFor({ ownSandbox: false }, context, context.streams === "passed-on");
    const [start, settings] = [`${folder}/start.cpio`, `${folder}/settings`];
    const entries = [
      ...(shape === "system"
        ? systemDisk(spec, shares, { networked, routes: ports.all !== undefined, card: context.card?.grant })
        : startDisk(spec, shares, { filter: appFilter.step.content, tasks: tasksOf(spec), networked })),
      ...portEntries(ports),
      ...(way?.entries ?? []),
    ];
    const fillBytes = startDiskBytes(entries);
    const seen = making ? withoutSources(shares) : shares;
    const steps: readonly Step[] = [
      { kind: "make-folder", path: folder, mode: spec.user.allocated ? 0o711 : 0o700 },
      { kind: "make-folder", path: context.files, mode: 0o700 },
      { kind: "make-folder", path: `${folder}/stage`, mode: 0o755 },
      { kind: "write-archive", path: start, mode: 0o600, entries: making ? [] : entries, fillBytes },
      ...(command.settings === undefined
        ? []
        : [{ kind: "write-file", path: settings, mode: 0o600, content: command.settings } as const]),
      filter.step,
      ...seen.steps,
      ...card.value.steps,
      ...limits.value.steps,
      // Last: what fails before has taken nothing from the host.
      ...(use?.steps ?? []),
    ];
    const monitor = shape === "app" ? "main" : "service";
    const files = [
      ...filesOf(machine, monitor, start),
      ...(way?.disks ?? []),
      ...(machine.resume === undefined ? [] : [{ file: machine.resume, inside: SUSPENDED }]),
      ...(command.settings === undefined ? [] : [{ file: settings, inside: `${INSIDE}/settings` }]),
    ];
    const joints = [...jointsOf(spec, `${folder}/stage`, ports), ...(way === undefined ? [] : [way.joint])];
    const template = wish === undefined ? undefined : shownTemplate(wish, spec.user, `${folder}/stage`);
    const outer: Outer = { folder, files, shares: seen, joints, template, card: card.value, mounts: use?.mounts };
    const version = context.facts.programs[vmm.program]?.version ?? "";
    const suspends = suspendsOf(spec, machine, vmm, version, { words: command.argv, startBytes: fillBytes });
    const boots = machine.resume === undefined ? command.argv : resumeWords(spec, command.argv);
    const words =
      wish === undefined ? boots : monitorWords(wish, commandFor(asTemplate(described, wish.kind)).argv, command.argv);
    // A system's services and a port's frames begin before a machine could be told that it is a copy.
    const copied = vmm.can.has("snapshots") && shape === "app" && cards.length === (networked ? 1 : 0);
    const key = () => templateKey(commandFor(asTemplate(described, "copy")).argv, machine, version, fillBytes);
    return success({
      steps,
      argv: behind(
        [...limits.value.prefix, ...(use?.prefix ?? [])],
        [
          ...claimed(context),
          ...helperPart(spec, context, { ...outer, filter: filter.path, limits: limits.value.helper }),
          "--",
          ...bubblewrapPart(spec, context, outer),
          ...[...monitorCommand(machine, monitor, INSIDE), "/run", ...words],
        ],
      ),
      ...(use === undefined ? {} : { undo: use.undo }),
      ...(copied ? { template: { key: key(), program, version } } : {}),
      ...(making ? {} : { suspends }),
      cgroups: limits.value.cgroups,
      // The machine's size is its limit on memory, whatever the host can do.
      weaker: [
        ...limits.value.weaker.filter(({ limit }) => limit !== "memory"),
        ...memory.value.weaker,
        ...space.value,
      ],
    });
  },

  // By the machine's own channel: its control end goes behind the inner wall, as the helper does on a host.
  enter({ spec, childPid, startTicks }: StandingWall, wanted: Entry, { node, places }: EntryContext): Entrance {
    const attach = `${places.program}/src/host/channel/attach.ts`;
    const words = spec.guest === "system" ? systemEntry(wanted) : enterWords(spec, wanted, tasksOf(spec));
    return {
      steps: [],
      argv: [node, "--disable-warning=ExperimentalWarning", attach, String(childPid), startTicks, "--", ...words],
    };
  },

  slot(spec, request, change) {
    const share = slotShare(spec, request);
    if (share === undefined) return undefined;
    return spec.guest === "system" ? systemSlot(share, change) : slotWords(share.name, change);
  },

  attachments: (spec) => systemAttachments(spec, allShares(spec)),
};

function vmmOf({ vmm = VMM_NAMES[0] }: Pick<CompartmentSpec, "vmm">): Vmm {
  return VMMS[vmm];
}

/** What is let in elsewhere, and cannot be into this machine. */
function cannotHave({ contributions, guest }: CompartmentSpec, { template }: MachineFiles) {
  const shown = contributions.some((one) => one.kind === "display");
  if (shown && (guest === "system" || template !== undefined)) return "display";
  // Only in a provider's machine something takes it as the way out.
  const provides = guest === "system" && contributions.some(({ kind }) => kind === "ports");
  return !provides && contributions.some(({ kind }) => kind === "card") ? "card" : undefined;
}

function tasksOf({ limits }: CompartmentSpec): number {
  return limits.tasks ?? DEFAULT_TASKS;
}

/** The limits that the machine keeps by itself are not asked of the host. */
export function outside(spec: CompartmentSpec): CompartmentSpec {
  return { ...spec, limits: { ...spec.limits, memoryBytes: undefined, tasks: undefined } };
}

export function memoryOf({
  limits,
  acceptWeaker,
}: CompartmentSpec): Result<{ readonly memoryMiB: number; readonly weaker: readonly Weaker[] }, BackendProblem> {
  const { memoryBytes } = limits;
  if (memoryBytes === undefined) return success({ memoryMiB: DEFAULT_MEMORY_MIB, weaker: [] });
  const memoryMiB = Math.floor(memoryBytes / MEBIBYTE);
  if (memoryMiB >= LEAST_MEMORY_MIB) return success({ memoryMiB, weaker: [] });
  const because = `a virtual machine needs ${LEAST_MEMORY_MIB} MiB for itself`;
  if (!acceptWeaker.includes("memory")) return refusal({ kind: "limit-unenforceable", limit: "memory", because });
  return success({ memoryMiB: LEAST_MEMORY_MIB, weaker: [{ limit: "memory", because, written: true }] });
}

/** What the system of a machine that runs may be asked to have. */
export function memoryRange({ limits: { memoryBytes } }: Pick<CompartmentSpec, "limits">) {
  const mostMiB = memoryBytes === undefined ? DEFAULT_MEMORY_MIB : Math.floor(memoryBytes / MEBIBYTE);
  return { leastMiB: LEAST_MEMORY_MIB, mostMiB: Math.max(mostMiB, LEAST_MEMORY_MIB) };
}

function filesOf(machine: MachineFiles, monitor: "main" | "service", start: string): readonly Shown[] {
  const { kernel, root, disks } = machine;
  return [
    ...monitorFiles(machine, monitor, MONITOR_FILES, INSIDE),
    { file: kernel, inside: `${INSIDE}/kernel` },
    { file: root, inside: `${INSIDE}/root.cpio` },
    { file: start, inside: `${INSIDE}/start` },
    ...disks.map((file, index) => ({ file, inside: `${INSIDE}/layer${index}` })),
  ];
}

export interface Outer {
  readonly folder: string;
  readonly files: readonly Shown[];
  readonly shares: OuterShares;
  readonly card: CardPlan;
  readonly joints: ReturnType<typeof jointsOf>;
  readonly template: ReturnType<typeof shownTemplate> | undefined;
  /** Of a card of the host's. */
  readonly mounts?: readonly string[] | undefined;
}

export function helperPart(
  spec: CompartmentSpec,
  context: BackendContext,
  {
    folder,
    filter,
    limits,
    files,
    shares,
    card,
    joints,
    template,
  }: Outer & { readonly filter: string; readonly limits: readonly string[] },
): Argv {
  const { streams } = context;
  return [
    helperOf(context),
    ...["wall", "--status", `${folder}/status`, "--seccomp", filter],
    ...(spec.endsWithCaller ? ["--end-with-caller"] : []),
    ...(streams === "passed-on" ? [] : ["--log", streams.log, String(streams.logBytes)]),
    ...(spec.user.allocated ? ["--uid", String(spec.user.uid), "--gid", String(spec.user.gid)] : []),
    ...limits,
    ...["--stage", `${folder}/stage`],
    ...files.flatMap(({ file }, index) => ["--pick", ...folderAndName(file), `${folder}/stage/file${index}`]),
    ...shares.staged,
    ...joints.flatMap(({ staged }) => staged),
    ...shares.mounted,
    ...card.helper,
    ...(template?.staged ?? []),
  ];
}

/** Its root holds the host's programs, which QEMU is one of, and the machine's files; nothing of it can be written. */
export function bubblewrapPart(
  spec: CompartmentSpec,
  { facts, streams }: BackendContext,
  { folder, files, shares, joints, template, card, mounts = [] }: Outer,
): Argv {
  const { uid, gid } = spec.user;
  return [
    facts.programs["bwrap"]?.path ?? absent("bwrap"),
    ...["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup"],
    ...(card.socket === undefined ? ["--unshare-net"] : []),
    ...["--uid", String(uid), "--gid", String(gid), "--hostname", spec.name, "--cap-drop", "ALL", "--disable-userns"],
    ...(streams === "passed-on" ? [] : ["--new-session"]),
    ...["--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/sbin", "/sbin"],
    ...["--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64"],
    ...["--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev"],
    // Through it a VMM makes machines of its own user, and sees nothing of other ones.
    ...(facts.accelerator.kind === "kvm" ? ["--dev-bind", "/dev/kvm", "/dev/kvm"] : []),
    ...mounts,
    ...["--remount-ro", "/dev"],
    // The monitor's sockets.
    ...["--perms", "0700", "--size", String(MEBIBYTE), "--tmpfs", "/run"],
    ...files.flatMap(({ inside }, index) => ["--ro-bind", `${folder}/stage/file${index}`, inside]),
    ...shares.shown,
    ...(template?.mounts ?? []),
    ...(card.socket === undefined ? [] : ["--ro-bind", card.socket, PASST_INSIDE]),
    ...joints.flatMap(({ writable, source, inside }) => [writable ? "--bind" : "--ro-bind", source, inside]),
    ...["--remount-ro", "/", "--chdir", "/", "--clearenv"],
    ...["--setenv", "PATH", "/usr/bin:/bin", "--setenv", "LC_ALL", "C.UTF-8"],
    ...(card.socket === undefined ? [] : ["--setenv", "SKERRY_CARD", cardWords(PASST_INSIDE, card.asks)]),
    "--",
  ];
}

interface Size {
  readonly memoryMiB: number;
  readonly processors: number;
}

/** More processors than its share of the host's are of no use to it; emulated, one serves best. */
export function sizeOf({ limits: { cpuPercent } }: CompartmentSpec, memoryMiB: number, facts: HostFacts): Size {
  if (facts.accelerator.kind === "emulated") return { memoryMiB, processors: 1 };
  return { memoryMiB, processors: Math.min(facts.cpus, Math.ceil((cpuPercent ?? Number.POSITIVE_INFINITY) / 100)) };
}

function machineOf(
  machine: MachineFiles,
  size: Size,
  {
    shares,
    ports,
    cards,
    way,
    ways,
  }: Pick<Machine, "cards"> & {
    readonly ways: readonly string[];
    readonly shares: ReadonlyMap<Contribution, Share>;
    readonly ports: PortPlaces;
    readonly way: ScreenWay | undefined;
  },
  facts: HostFacts,
): Machine {
  return {
    accelerator: facts.accelerator.kind,
    ...size,
    kernel: `${INSIDE}/kernel`,
    root: `${INSIDE}/root.cpio`,
    commandLine: KERNEL_WORDS,
    disks: [
      { name: "start", file: `${INSIDE}/start` },
      ...machine.disks.map((_, index) => ({ name: `layer${index}`, file: `${INSIDE}/layer${index}` })),
      ...(way?.disks ?? []).map(({ name, inside }) => ({ name, file: inside })),
    ],
    folders: [
      ...[...shares.values()].map(({ name, writable }) => ({ name, folder: `${INSIDE}/${name}`, writable })),
      ...(ports.all === undefined ? [] : [{ name: RULES_SHARE, folder: "/rules", writable: false }]),
    ],
    cards,
    ports: [
      ...ways.map((name) => ({ name: `skerry.${name}`, socket: `/run/${name}` })),
      ...(way === undefined ? [] : [way.port]),
    ],
    console: "/run/console",
    commands: "/run/qmp",
    givesBack: true,
  };
}

function folderAndName(file: string): readonly [string, string] {
  const cut = file.lastIndexOf("/");
  return [file.slice(0, cut), file.slice(cut + 1)];
}

/** `missing` is asked before `plan`, and the caller knows what boots. */
function absent(what: string): never {
  throw new Error(`${what} must be there`);
}
