/**
 * Backend: one way to wall off an app.
 *
 * To add one: a folder beside this file that exports a `Backend`, one line in index.ts, and a call of `backendContract`
 * in its test. Nothing outside this room names a backend's programs.
 *
 * Invariants
 * - A backend decides and never acts: `plan` is pure, and returns steps.
 * - What it cannot enforce it refuses. It never drops a contribution in silence.
 */
import type { CompartmentSpec, Contribution, HostFacts, Places, VmmName } from "../model/index.ts";
import type { Result } from "../result.ts";
import type { Argv, Step } from "../step/index.ts";
import type { FoundCard } from "./vm/pass-through.ts";

export interface Backend {
  /** As written in a deployment: `isolation: container`. */
  readonly name: string;
  /** One sentence for help and the reference. */
  readonly summary: string;
  /** The kinds of contribution that it can enforce. All others are refused before `plan` is asked. */
  readonly enforces: ReadonlySet<Contribution["kind"]>;
  /** What this host lacks for it, in words that name the fix; empty where it can run. The spec may choose among programs. */
  missing(facts: HostFacts, spec?: Pick<CompartmentSpec, "vmm">): readonly string[];
  plan(spec: CompartmentSpec, context: BackendContext): Result<WallPlan, BackendProblem>;
  /** Whether it starts a kernel of its own, from `BackendContext.machine`. */
  readonly boots?: boolean;
  /** What runs one more program in a running compartment, with no more rights than the app has; undefined: it cannot. */
  readonly enter?: (wall: StandingWall, wanted: Entry, context: EntryContext) => Entrance;
  /** Of a machine that runs: what its control end does for one folder, as words; undefined: nothing can be done there. */
  readonly slot?: (spec: CompartmentSpec, request: string, change: SlotChange) => readonly string[] | undefined;
  /** Of a machine that can be suspended: what of the host's is attached to it. */
  readonly attachments?: (spec: CompartmentSpec) => readonly Attachment[];
}

/** Something of the host's in a machine, with what its control end does for it, as words. */
export interface Attachment {
  /** Where it is seen. */
  readonly target: string;
  /** Whose answer it is; undefined where it is the instance's own. */
  readonly request: string | undefined;
  /** Something is shown from the start. */
  readonly filled: boolean;
  /** To take what is shown, which says how many programs hold something of it; and then to let go of the device. */
  readonly hide: readonly string[];
  readonly detach: readonly string[];
  readonly attach: readonly string[];
  readonly show: readonly string[];
}

/** Why a machine cannot be suspended. */
export type NotSuspended = "app" | "disks" | "provider" | "card" | "secret" | "vmm";

/**
 * What becomes of a folder's place in a machine: what is behind it now is shown; or nothing is, and who still has something
 * of what was there is ended, or only counted.
 */
export type SlotChange = "show" | "hide-and-end" | "hide-and-count";

export interface BackendContext {
  readonly facts: HostFacts;
  readonly places: Places;
  /** How the compartment's standard streams are served. */
  readonly streams: "passed-on" | { readonly log: string; readonly logBytes: number };
  /** Folder for small files that starts of this instance have in common, named by their content. */
  readonly files: string;
  /** Locked for as long as the wall stands: the instance runs. */
  readonly claim: string;
  /** Folder in memory for the secrets of this start; undefined where there are none. */
  readonly secrets?: string;
  /** Where the socket of a granted screen is on this host: its folder, without links on the way, and its name there. */
  readonly screen?: ScreenSocket;
  /** For a backend that boots: what it is started from, on this host. */
  readonly machine?: MachineFiles;
  /** The network card of the host's that the machine is given; undefined where none is granted. */
  readonly card?: FoundCard;
  /** How the machine is joined to others; undefined where it is not. */
  readonly ports?: PortPlaces;
  /** Addresses of this host, which a network does not reach unless granted; CIDR. Empty where nothing is granted. */
  readonly hostAddresses: readonly string[];
}

export interface ScreenSocket {
  readonly folder: string;
  readonly name: string;
  /** Nothing else is in the folder, and another socket may take this one's place while it runs. */
  readonly renewed?: boolean;
}

/** What the agent has settled for machines whose way leads through another. */
export interface PortPlaces {
  /** Of such a machine: its folder at the provider, and its number there. */
  readonly own?: { readonly folder: string; readonly number: number };
  /** Of a provider: the folders of all its stations, and that of their list and the filter. */
  readonly all?: { readonly ports: string; readonly rules: string };
}

export interface EntryContext extends Pick<BackendContext, "facts" | "places"> {
  /** Node itself, for a backend that goes in by a program of ours. */
  readonly node: string;
}

/** Absolute paths without links on their way. */
export interface MachineFiles {
  readonly kernel: string;
  /** Archive of the first root in memory. */
  readonly root: string;
  /** Read-only disks of the image's layers, the topmost first. */
  readonly disks: readonly string[];
  /** Node itself, which runs the machine's monitor. */
  readonly node: string;
  /** Folder that Skerry lies in; the monitor is started from its sources where there is no bundle of it. */
  readonly program: string;
  /** Folder of the monitors' bundles; undefined where none were made. */
  readonly monitors?: string;
  /** For a machine that is written down before it knows of any start, and for one that goes on from there. */
  readonly template?: TemplateWish;
  /** With the memory and state of a machine that was suspended, which goes on from there. */
  readonly resume?: string;
  /** Where a screen is granted: what leads to it from within the machine, in a root of its own. */
  readonly way?: WayFiles;
}

export interface WayFiles {
  /** Read-only disks of its root, the topmost first. */
  readonly disks: readonly string[];
  readonly command: Argv;
}

export type TemplateWish =
  /** Into this folder, which is empty. */
  | { readonly kind: "make"; readonly folder: string }
  /** From this folder; a start of its own, which boots where that fails. */
  | { readonly kind: "copy"; readonly folder: string };

/** A template's files in its folder. */
export const TEMPLATE_FILES = { memory: "memory", state: "state" } as const;

export interface WallPlan {
  /** What is to be done before the wall can stand, in order. */
  readonly steps: readonly Step[];
  /** Starting it: run by the agent for a background start, by the command line for one in a terminal. */
  readonly argv: Argv;
  /** What is to be done after its end, with what it took from the host. */
  readonly undo?: readonly Step[];
  /** Control groups made for it, for limits and freezing. */
  readonly cgroups: readonly string[];
  /** Of what boots: the template that could be made of it, or would serve it. */
  readonly template?: {
    /** Digest of all that it is made from. Of different versions of the VMM, kernels, disks or devices it differs. */
    readonly key: string;
    /** What runs the machine: absolute path, and version. */
    readonly program: string;
    readonly version: string;
  };
  /** Of what boots: digest of all that must be the same when it goes on after a suspend, or why it cannot. */
  readonly suspends?: { readonly key: string } | { readonly because: NotSuspended };
  /** Limits that will not hold, by name, with the reason. Written ones are here only where the owner accepted it. */
  readonly weaker: readonly Weaker[];
}

export interface Weaker {
  readonly limit: LimitName;
  readonly because: string;
  /** The owner wrote the limit, and accepted to go without. */
  readonly written: boolean;
}

/** Exit code of a wall that does not stand because the instance runs already: EX_TEMPFAIL of sysexits(3). */
export const RUNS_ALREADY = 75;

export const LIMIT_NAMES = ["memory", "tasks", "cpu", "io", "disk"] as const;

export type LimitName = (typeof LIMIT_NAMES)[number];

/** What is known of a running compartment. */
export interface StandingWall {
  readonly spec: CompartmentSpec;
  /** Process id on the host of the first process inside. */
  readonly childPid: number;
  /** When that process was started, in clock ticks since boot (proc_pid_stat(5)): tells it from a later one. */
  readonly startTicks: string;
  readonly cgroups: readonly string[];
}

export interface Entrance {
  readonly steps: readonly Step[];
  readonly argv: Argv;
}

export interface Entry {
  readonly command: Argv;
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
}

export type BackendProblem =
  | {
      readonly kind: "needs-machine";
      readonly backend: string;
      readonly name: string;
      readonly what: "system" | "port";
    }
  | { readonly kind: "backend-unavailable"; readonly backend: string; readonly missing: readonly string[] }
  | { readonly kind: "vmm-lacks"; readonly vmm: VmmName; readonly lacks: readonly string[] }
  | { readonly kind: "machine-full"; readonly backend: string; readonly wanted: number; readonly limit: number }
  /** Two folders would have one name, by which a system of its own finds them. */
  | { readonly kind: "same-tag"; readonly name: string; readonly tag: string; readonly places: readonly string[] }
  | { readonly kind: "cannot-enforce"; readonly backend: string; readonly contribution: Contribution["kind"] }
  | { readonly kind: "network-unavailable"; readonly backend: string; readonly missing: readonly string[] }
  | { readonly kind: "limit-unenforceable"; readonly limit: LimitName; readonly because: string };
