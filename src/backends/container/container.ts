/**
 * The container backend: bubblewrap, without root, started through Skerry's helper.
 *
 * Source: bwrap(1), and helper/README.md for what the helper does before it. Every namespace is unshared first and only
 * then is anything let in, so a line forgotten here closes a door and never opens one.
 */
import { type CompartmentSpec, helperPath, type HostFacts, isWithin } from "../../model/index.ts";
import { type Result, success } from "../../result.ts";
import { type Argv, fileByContent, type Step } from "../../step/index.ts";
import {
  type Backend,
  type BackendContext,
  type BackendProblem,
  type Entrance,
  type Entry,
  RUNS_ALREADY,
  type StandingWall,
  type WallPlan,
} from "../backend.ts";
import { type Furnishing, furnish, plainRoom } from "./furnish.ts";
import { spaceOfFolders, speedOfProcesses } from "../storage-limits.ts";
import { type LimitPlan, planLimits } from "./limits.ts";
import { mountPointLayer } from "./mount-points.ts";
import { planNetwork } from "./network.ts";
import { seccompProgram } from "./seccomp.ts";

/** From this version on bubblewrap makes overlays itself. */
const OVERLAY_SINCE = [0, 11] as const;

export const container: Backend = {
  name: "container",
  summary: "Linux namespaces, through bubblewrap; shares the host's kernel.",
  enforces: new Set([
    "bind",
    "copy",
    "pick",
    "empty-folder",
    "slot",
    "memory-folder",
    "file",
    "variable",
    "secret",
    "network",
    "named-network",
    "link",
    "publish",
    "display",
  ]),

  missing(facts: HostFacts): readonly string[] {
    const out: string[] = [];
    if (facts.programs["bwrap"] === undefined) out.push("bubblewrap: run ./skerry setup");
    if (!facts.userNamespaces.works)
      out.push(`user namespaces (${facts.userNamespaces.because ?? "refused"}): ./skerry doctor says what to do`);
    if (!facts.overlay) out.push("overlay file systems in user namespaces: they need Linux 5.11 or later");
    if (!facts.seccomp) out.push("seccomp: the kernel was built without it");
    return out;
  },

  plan(spec, context): Result<WallPlan, BackendProblem> {
    const limits = planLimits(spec, context.facts);
    if (!limits.ok) return limits;
    const [space, speed] = [spaceOfFolders(spec, context.places), speedOfProcesses(spec)];
    if (!space.ok) return space;
    if (!speed.ok) return speed;
    const folder = `${context.places.runtime}/compartments/${spec.id}`;
    const network = planNetwork(spec, context, folder);
    if (!network.ok) return network;
    const furnishing = furnish(spec, folder, context);
    const filter = filterFor(spec, context, context.streams === "passed-on");
    const points = mountPointLayer(furnishing.mountPoints, context.places);
    const steps: readonly Step[] = [
      // The user of an allocated id must pass it, and may not look around in it.
      { kind: "make-folder", path: folder, mode: spec.user.allocated ? 0o711 : 0o700 },
      { kind: "make-folder", path: context.files, mode: 0o700 },
      ...points.steps,
      ...["root", "stage"].map((name): Step => ({ kind: "make-folder", path: `${folder}/${name}`, mode: 0o755 })),
      ...furnishing.steps,
      filter.step,
      ...network.value.steps,
      ...limits.value.steps,
    ];
    const layers = [points.path, ...spec.layers];
    const wall = { spec, context, folder, filter: filter.path, limits: limits.value, furnishing, layers };
    return success({
      steps,
      argv: behind(limits.value.prefix, [
        ...claimed(context),
        ...helperPart(wall, network.value.helper),
        "--",
        ...bubblewrapPart(wall, network.value.shared),
      ]),
      cgroups: limits.value.cgroups,
      weaker: [...limits.value.weaker, ...speed.value, ...space.value],
    });
  },

  enter({ spec, childPid, startTicks, cgroups }: StandingWall, wanted: Entry, context: Host): Entrance {
    // What is entered later has the terminal of the one who enters it, whatever the app itself was started with.
    const filter = filterFor(spec, context, true);
    const argv: Argv = [
      helperOf(context),
      ...["enter", "--child", String(childPid), "--start-ticks", startTicks, "--seccomp", filter.path],
      ...(spec.user.allocated ? ["--uid", String(spec.user.uid), "--gid", String(spec.user.gid)] : []),
      ...cgroups.flatMap((cgroup) => ["--cgroup", cgroup]),
      ...["--directory", wanted.directory],
      ...Object.entries(wanted.environment).flatMap(([name, value]) => ["--set", `${name}=${value}`]),
      "--",
      ...wanted.command,
    ];
    return { steps: [filter.step], argv };
  },
};

/** What of the context says where things are on this host. */
export type Host = Pick<BackendContext, "facts" | "places">;

/** As many as there are kinds of filters; made once, since each start wants one. */
const programs = new Map<string, Uint8Array>();

export function filterFor(
  { ownSandbox }: Pick<CompartmentSpec, "ownSandbox">,
  { facts, places }: Host,
  inHostsGroup: boolean,
) {
  const architecture = architectureOf(facts);
  const key = `${architecture} ${ownSandbox} ${inHostsGroup}`;
  const program = programs.get(key) ?? seccompProgram(architecture, { ownSandbox, inHostsGroup });
  programs.set(key, program);
  return fileByContent(`${places.runtime}/filters`, program, 0o600);
}

/** Who looks whether an instance runs, as a purge does, has its lock for a moment. */
const CLAIM_WITHIN_S = 2;

/** flock(1) becomes the helper, which keeps the lock as long as the wall stands. */
export function claimed({ facts, claim }: BackendContext): Argv {
  const flock = facts.programs["flock"]?.path ?? "/usr/bin/flock";
  const waiting = ["--timeout", String(CLAIM_WITHIN_S), "--conflict-exit-code", String(RUNS_ALREADY)];
  return [flock, "--no-fork", ...waiting, claim];
}

interface Wall {
  readonly spec: CompartmentSpec;
  readonly context: BackendContext;
  readonly folder: string;
  readonly filter: string;
  readonly limits: LimitPlan;
  readonly furnishing: Furnishing;
  /** The topmost first. */
  readonly layers: readonly string[];
}

/** What has to happen between making namespaces and starting bubblewrap. */
function helperPart(
  { spec, context, folder, filter, limits, furnishing, layers }: Wall,
  network: readonly string[],
): Argv {
  const { streams, facts } = context;
  const overlay = ["--overlay", `userxattr,lowerdir=${layers.join(":")}`, `${folder}/root`];
  return [
    helperOf(context),
    ...["wall", "--status", `${folder}/status`, "--seccomp", filter],
    ...(spec.endsWithCaller ? ["--end-with-caller"] : []),
    ...(streams === "passed-on" ? [] : ["--log", streams.log, String(streams.logBytes)]),
    ...(spec.user.allocated ? ["--uid", String(spec.user.uid), "--gid", String(spec.user.gid)] : []),
    ...limits.helper,
    ...(makesOverlays(facts) ? [] : overlay),
    ...(furnishing.staged.length === 0 ? [] : ["--stage", `${folder}/stage`, ...furnishing.staged]),
    ...furnishing.mounted,
    ...network,
  ];
}

function bubblewrapPart({ spec, context, folder, furnishing, layers }: Wall, sharedNetwork: boolean): Argv {
  const bwrap = context.facts.programs["bwrap"]?.path ?? absent("bwrap");
  const { uid, gid } = spec.user;
  const root = makesOverlays(context.facts)
    ? [...layers.toReversed().flatMap((layer) => ["--overlay-src", layer]), "--ro-overlay", "/"]
    : ["--ro-bind", `${folder}/root`, "/"];
  return [
    bwrap,
    // --unshare-all only tries the user namespace; here a wall that is missing stops the start.
    ...["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup"],
    // A network that is let in is a namespace of its own, made and filtered by the helper.
    ...(sharedNetwork ? [] : ["--unshare-net"]),
    // The same id inside as outside: libdbus identifies its peers by it.
    ...["--uid", String(uid), "--gid", String(gid), "--hostname", spec.name, "--cap-drop", "ALL"],
    ...(spec.ownSandbox ? [] : ["--disable-userns"]),
    // Only without a terminal: with one, the app needs it for job control, and the filter refuses to type into it.
    ...(context.streams === "passed-on" ? [] : ["--new-session"]),
    ...root,
    ...plainRoom(spec).arguments,
    ...furnishing.arguments,
    ...["--chdir", directoryOf(spec), "--clearenv"],
    ...furnishing.variables,
    "--",
    ...commandOf(spec),
  ];
}

/** Where bubblewrap's own process stays. */
export function directoryOf(spec: CompartmentSpec): string {
  return beginsIn(spec) ? "/" : spec.directory;
}

/** The app's own words, behind those by which it goes to its directory. */
export function commandOf(spec: CompartmentSpec): readonly string[] {
  const { directory, command } = spec;
  return [...(beginsIn(spec) ? ["/usr/bin/env", `--chdir=${directory}`, `PWD=${directory}`] : []), ...command];
}

/**
 * Whether the program itself goes to its directory. bubblewrap's process stays where it began, and would hold a folder for
 * good that is to be taken away one day.
 */
function beginsIn({ contributions, directory, command }: CompartmentSpec): boolean {
  const slots = contributions.filter(({ kind }) => kind === "slot");
  // env(1) takes such a word for a variable.
  return !command[0].includes("=") && slots.some((one) => "target" in one && isWithin(directory, one.target));
}

export function behind([first, ...rest]: readonly string[], argv: Argv): Argv {
  return first === undefined ? argv : [first, ...rest, ...argv];
}

export function helperOf({ places }: Host): string {
  return helperPath(places.program);
}

function makesOverlays(facts: HostFacts): boolean {
  const [major = 0, minor = 0] = (facts.programs["bwrap"]?.version ?? "0.0").split(".").map(Number);
  return major > OVERLAY_SINCE[0] || (major === OVERLAY_SINCE[0] && minor >= OVERLAY_SINCE[1]);
}

function architectureOf({ architecture }: HostFacts): "amd64" | "arm64" {
  if (architecture === "amd64" || architecture === "arm64") return architecture;
  throw new Error(`no filter of system calls for ${architecture}`);
}

/** `missing` is asked before `plan`, so a program that is not there is a fault of the caller. */
function absent(program: string): never {
  throw new Error(`${program} was reported as present`);
}
