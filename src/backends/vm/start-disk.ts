/**
 * Start disk: what the first program in a machine (guest/init) is to do, as an archive. Pure.
 *
 * The app inside stands behind the same wall as in a container: bubblewrap by Skerry's helper, both the guest's own. Where
 * the app gets out of that wall it is still in the machine.
 *
 * Invariant: `words` is one command, each word of it closed by a zero byte; no shell reads it.
 */
import {
  type CompartmentSpec,
  DISPLAY_NAME,
  descriptorVariable,
  displayInside,
  FIRST_HANDED,
  isWithin,
} from "../../model/index.ts";
import { unreachable } from "../../result.ts";
import type { ArchiveEntry } from "../../step/index.ts";
import type { Entry, SlotChange } from "../backend.ts";
import { commandOf, directoryOf } from "../container/container.ts";
import { emptyFolder, memoryFolder, plainRoom } from "../container/furnish.ts";
import type { MountPoint } from "../container/mount-points.ts";
import { GUEST_NETWORK } from "./network-card.ts";
import type { Shares } from "./shares.ts";

/** Where the archive lies inside, and where the image's root is put together. */
export const START = "/start";
const ROOT = "/root";

/** Where guest/init attaches the host's folders. */
const FOLDERS = "/folders";

/** Below `START`: empty places on which a folder is mounted while the app runs. guest/init hands on what is. */
const SLOTS = "slots";

/** Where the socket of a screen is made that stands for one outside (screen-way.ts); guest/init makes the folder. */
export const DISPLAY = "/display";

export interface InsideParts {
  /** Program for the system calls that the app is refused. */
  readonly filter: string | Uint8Array;
  readonly tasks: number;
  /** The machine has a network card, and the app sees it. */
  readonly networked: boolean;
}

/** Skerry's own, and what it works with. */
const HELPER = "/bin/skerry-helper";
const FILTER = `${START}/filter`;
const STATUS = "/run/status";

export function startDisk(
  spec: CompartmentSpec,
  shares: Shares,
  { filter, tasks, networked }: InsideParts,
): readonly ArchiveEntry[] {
  const { uid, gid } = spec.user;
  const room = plainRoom(spec);
  const points: MountPoint[] = [...room.mountPoints];
  const mounted: string[] = [...room.inMemory];
  const files: ArchiveEntry[] = [];
  const variables: string[] = [];
  const handed: string[] = [];
  const place = (path: string, type: MountPoint["type"]) => {
    if (!mounted.some((above) => isWithin(path, above))) points.push({ path, type });
    mounted.push(path);
  };
  /** Of the image's root, by their places. */
  const own = new Map<string, ArchiveEntry>();
  const slots: ArchiveEntry[] = [];
  const furnished = spec.contributions.flatMap((contribution): readonly string[] => {
    // What lies in another's share is seen with it.
    if (shares.within.has(contribution)) return [];
    switch (contribution.kind) {
      case "file": {
        const { target, content } = contribution;
        // In the image's root, which is read-only, as one of its own: a mount for each takes an emulated machine milliseconds.
        if (!mounted.some((above) => isWithin(target, above))) {
          own.set(target, { kind: "file", path: `points${target}`, mode: 0o644, content });
          return [];
        }
        const path = `files/${files.length}`;
        files.push({ kind: "file", path, mode: 0o644, content });
        mounted.push(target);
        return ["--ro-bind", `${START}/${path}`, contribution.target];
      }
      case "variable":
        variables.push("--setenv", contribution.name, contribution.value);
        return [];
      case "empty-folder":
        place(contribution.target, "folder");
        return emptyFolder(contribution.target);
      case "memory-folder":
        place(contribution.target, "folder");
        return memoryFolder(contribution.target);
      case "bind":
      case "copy":
      case "pick":
      case "slot":
      case "secret": {
        const share = shares.of.get(contribution);
        if (share === undefined) throw new Error(`no share for ${contribution.kind}`);
        const { name, written, seen, slot } = share;
        const source = `${FOLDERS}/${name}/${seen.part}`;
        if (contribution.kind === "secret" && contribution.source.as === "descriptor") {
          variables.push("--setenv", descriptorVariable(contribution.name), String(FIRST_HANDED + handed.length));
          handed.push(source);
          return [];
        }
        place(seen.target, contribution.kind === "secret" ? "file" : "folder");
        if (slot !== undefined) slots.push({ kind: "folder", path: `${SLOTS}/${name}`, mode: 0 });
        return [
          ...(slot === undefined ? [] : ["--ro-bind", `${START}/${SLOTS}/${name}`, seen.target]),
          ...(slot === "bare" ? [] : [written ? "--bind" : "--ro-bind", source, seen.target]),
        ];
      }
      case "port":
      case "ports":
      case "network":
      case "named-network":
      case "link":
      case "publish":
        return [];
      case "display":
        return ["--ro-bind", `${DISPLAY}/${DISPLAY_NAME}`, displayInside(uid)];
      case "card":
      case "disk":
        throw new Error(`${contribution.kind} was refused before`);
      default:
        return unreachable(contribution);
    }
  });
  const words = [
    // The control end's own: whose the app's standard streams are, and where the app's first process is named.
    ...["--status", STATUS, "--uid", String(uid), "--gid", String(gid), "--"],
    ...[HELPER, "wall", "--status", STATUS, "--seccomp", FILTER],
    ...["--uid", String(uid), "--gid", String(gid), "--tasks", String(tasks)],
    ...[...handed.flatMap((file) => ["--hand", file]), "--", "/bin/bwrap"],
    ...["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup"],
    ...(networked || spec.contributions.some(({ kind }) => kind === "port") ? [] : ["--unshare-net"]),
    ...["--uid", String(uid), "--gid", String(gid), "--hostname", spec.name, "--cap-drop", "ALL"],
    ...(spec.ownSandbox ? [] : ["--disable-userns"]),
    ...["--ro-bind", ROOT, "/", ...room.arguments, ...furnished, "--chdir", directoryOf(spec), "--clearenv"],
    ...[...variables, "--", ...commandOf(spec)],
  ];
  return [
    { kind: "file", path: "words", mode: 0o600, content: closedByZeros(words) },
    { kind: "file", path: "filter", mode: 0o600, content: filter },
    ...(networked ? [{ kind: "file", path: "network", mode: 0o600, content: GUEST_NETWORK } as const] : []),
    ...files,
    ...(slots.length === 0 ? [] : [{ kind: "folder", path: SLOTS, mode: 0o711 } as const]),
    ...slots,
    { kind: "folder", path: "points", mode: 0o755 },
    ...pointEntries(points.filter(({ path }) => !own.has(path))),
    ...own.values(),
  ];
}

/** As the helper reads them (helper/guest.c). */
function closedByZeros(words: readonly string[]): string {
  const bad = words.find((word) => word.includes("\0"));
  if (bad !== undefined) throw new Error(`${JSON.stringify(bad)} would be two words`);
  return words.map((word) => `${word}\0`).join("");
}

/** What the machine's control end starts for one more program beside the app; it knows the app's first process. */
export function enterWords({ user }: CompartmentSpec, wanted: Entry, tasks: number): readonly string[] {
  return [
    ...[HELPER, "enter", "--child", "{child}", "--start-ticks", "{ticks}", "--seccomp", FILTER],
    ...["--uid", String(user.uid), "--gid", String(user.gid), "--tasks", String(tasks)],
    ...["--directory", wanted.directory],
    ...Object.entries(wanted.environment).flatMap(([name, value]) => ["--set", `${name}=${value}`]),
    ...["--", ...wanted.command],
  ];
}

/** What the machine's control end starts to change what is shown at one place of the app's (helper/slots.c). */
export function slotWords(name: string, change: SlotChange): readonly string[] {
  return [HELPER, "slot", "--child", "{child}", "--start-ticks", "{ticks}", "--", ...changeWords(name, change)];
}

/** The change itself, of the share with that name. */
export function changeWords(name: string, change: SlotChange): readonly string[] {
  return {
    show: ["show", name],
    "hide-and-end": ["hide", name, "end"],
    "hide-and-count": ["hide", name, "count"],
  }[change];
}

/** One word for a POSIX shell, whatever is in it. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Empty places for the mounts: the image's root is read-only, and a link of the image's there is hidden by them. */
export function pointEntries(points: readonly MountPoint[], folder = "points"): readonly ArchiveEntry[] {
  const entries = new Map<string, ArchiveEntry>();
  for (const { path, type } of points.toSorted((left, right) => (left.path < right.path ? -1 : 1))) {
    const at = `${folder}${path}`;
    if (entries.has(at)) continue;
    if (type === "folder") entries.set(at, { kind: "folder", path: at, mode: 0o755 });
    else entries.set(at, { kind: "file", path: at, mode: 0o444, content: "" });
  }
  return [...entries.values()];
}
