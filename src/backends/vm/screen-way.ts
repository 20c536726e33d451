/**
 * Screen way: from an app in a machine to a screen outside of it. Pure.
 *
 * Beside the app, in a root and behind a wall of its own, a program stands for the screen: it offers the app the socket
 * that it would have in a container, and brings what comes there to a port of the machine. On the host that port leads to the
 * far end's socket, which is in the screen's own compartment: whatever a machine says of windows is read there and nowhere else.
 *
 * Invariants
 * - There is one port, and it leads to the one screen of this start: the machine has no say in which it is.
 * - Neither the VMM nor its monitor reads what goes over it.
 */
import type { CompartmentSpec } from "../../model/index.ts";
import type { ArchiveEntry } from "../../step/index.ts";
import type { BackendContext, WayFiles } from "../backend.ts";
import { plainRoom } from "../container/furnish.ts";
import type { Joint } from "./ports.ts";
import { DISPLAY, pointEntries, quoted, START } from "./start-disk.ts";

/** Where the image of the way has it. */
const SHOWN_AT = "/mnt/screen";

/** It has few. */
const TASKS = 128;

export interface ScreenWay {
  readonly disks: readonly { readonly name: string; readonly file: string; readonly inside: string }[];
  /** The far end's socket, behind the outer wall. */
  readonly joint: Joint;
  readonly port: { readonly name: string; readonly socket: string };
  readonly entries: readonly ArchiveEntry[];
}

/** @returns undefined where no screen is granted */
export function screenWay(
  spec: CompartmentSpec,
  stage: string,
  inside: string,
  { screen, machine }: Pick<BackendContext, "screen" | "machine">,
): ScreenWay | undefined {
  if (!spec.contributions.some(({ kind }) => kind === "display")) return undefined;
  const way = machine?.way;
  if (screen === undefined || way === undefined) throw new Error("no way to the screen");
  const { uid, gid, allocated } = spec.user;
  const staged = `${stage}/screen`;
  const socket = `${inside}/screen`;
  return {
    disks: way.disks.map((file, index) => ({ name: `screen${index}`, file, inside: `${inside}/screen${index}` })),
    joint: {
      source: `${allocated ? staged : screen.folder}/${screen.name}`,
      ...{ inside: socket, writable: false },
      staged: allocated ? ["--idmap", screen.folder, staged, String(uid), String(gid)] : [],
    },
    port: { name: "skerry.screen", socket },
    entries: entriesOf(spec, way),
  };
}

function entriesOf(spec: CompartmentSpec, { command }: WayFiles): readonly ArchiveEntry[] {
  const { uid, gid } = spec.user;
  const room = plainRoom({ user: spec.user, ownSandbox: false });
  const words = [
    ...["/bin/skerry-helper", "wall", "--status", "/run/screen", "--seccomp", `${START}/filter`],
    ...["--uid", String(uid), "--gid", String(gid), "--tasks", String(TASKS), "--", "/bin/bwrap"],
    ...["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup", "--unshare-net"],
    ...["--uid", String(uid), "--gid", String(gid), "--cap-drop", "ALL", "--new-session", "--disable-userns"],
    ...["--ro-bind", "/screen", "/", ...room.arguments],
    ...["--bind", DISPLAY, SHOWN_AT, "--dev-bind", "/dev/screen", "/run/screen", "--chdir", "/", "--clearenv"],
    ...["--setenv", "PATH", "/usr/bin:/bin", "--setenv", "XDG_RUNTIME_DIR", SHOWN_AT, "--", ...command],
  ];
  const content = `owner=${uid}:${gid}\nset -- ${words.map(quoted).join(" ")}\n`;
  return [
    { kind: "file", path: "screen", mode: 0o600, content },
    { kind: "folder", path: "screen-points", mode: 0o755 },
    ...pointEntries([...room.mountPoints, { path: SHOWN_AT, type: "folder" }], "screen-points"),
  ];
}
