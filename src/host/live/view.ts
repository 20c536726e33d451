/**
 * View: what is shown on the slots of a running compartment, changed from outside by mount(8) and nsenter(1).
 *
 * Three places: the wall's namespaces, where the host's files are and nothing of the app's can reach; a folder there in
 * which a view is put together, seen by nobody; and the slot, from which the kernel hands it on to the app, whole.
 *
 * Invariants
 * - The programs that run are the host's, in the wall's namespaces: nothing of the image is executed.
 * - What is handed on was looked at before: the very file or folder that was meant, and each mount with its rights.
 */
import { statSync } from "node:fs";
import { SYSTEM_PATH, runProgram } from "../run-program.ts";
import { isAlive, type ProcessName } from "../processes.ts";
import { type Mount, mountAt, mountsOf, mountsOn } from "./mount-table.ts";
import { type Found, findPlainly } from "./plain-file.ts";

export interface View {
  readonly wall: ProcessName;
  /** The first process inside. */
  readonly first: ProcessName;
  /** Skerry runs as root, and the compartment as another user. */
  readonly asRoot: boolean;
}

/** A file or folder, and where in the view it is to be. */
export interface Part {
  /** Absolute, without links. */
  readonly source: string;
  readonly type: "file" | "folder";
  /** Where it is shown in the wall's namespaces under the app's user. */
  readonly shown?: string | undefined;
  /** Empty, or a path with a slash in front. */
  readonly at: string;
  readonly access: "read" | "write";
}

/** For one of mount(8)'s moments on a busy host; what could not be taken away by then costs the app. */
const LIMIT_MS = 30_000;

/** What a mount keeps of the one that it shows, where it was made by somebody with more rights. */
const KEPT = new Set(["ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "relatime", "nosymfollow"]);

/** @returns why it could not be put together; nothing is left of it then */
export async function stageView(view: View, staging: string, parts: readonly Part[]): Promise<string | undefined> {
  // What somebody has left who was killed at it.
  for (let round = 0; round < MOST_LAYERS && topAt(view, staging) !== undefined; round++)
    await unstageView(view, staging);
  for (const part of parts) {
    const because = await stagePart(view, staging, part);
    if (because === undefined) continue;
    await unstageView(view, staging);
    return because;
  }
  return undefined;
}

export async function unstageView(view: View, staging: string): Promise<void> {
  await inWall(view, ["umount", "--no-mtab", "--lazy", staging]);
}

async function stagePart(view: View, staging: string, part: Part): Promise<string | undefined> {
  const at = staging + part.at;
  const meant = findPlainly(part.source);
  if (meant === undefined || meant.type !== part.type) return `${part.source} is not there, or a link is on its way`;
  const bound = await inWall(view, ["mount", "--no-mtab", "--rbind", part.shown ?? part.source, at]);
  if (bound !== undefined) return bound;
  const top = topAt(view, at);
  if (top === undefined) return `nothing is mounted on ${at}`;
  for (const mount of withAllOn(view, top)) {
    const kept = mount.options.filter((option) => KEPT.has(option) && option !== "ro");
    const wanted = new Set([...kept, "nosuid", "nodev", ...(readOnly(part, mount) ? ["ro"] : [])]);
    const options = ["remount", "bind", ...wanted].join(",");
    const changed = await inWall(view, ["mount", "--no-mtab", "-o", options, mount.point]);
    if (changed !== undefined) return changed;
  }
  return whatIsWrong(view, at, part, meant);
}

function readOnly({ access }: Part, { options }: Mount): boolean {
  return access === "read" || options.includes("ro");
}

function withAllOn({ wall }: View, top: Mount): readonly Mount[] {
  return [top, ...mountsOn(mountsOf(wall.pid) ?? [], new Set([top.id]))];
}

function topAt({ wall }: View, path: string): Mount | undefined {
  const mount = mountAt(mountsOf(wall.pid) ?? [], path);
  return mount?.point === path ? mount : undefined;
}

/** Whether what is there now is what was meant: nobody can change it from here on. */
function whatIsWrong(view: View, at: string, part: Part, meant: Found): string | undefined {
  if (!isShown(view, at, meant)) return `${part.source} has just been replaced`;
  const top = topAt(view, at);
  if (top === undefined) return `nothing is mounted on ${at}`;
  const needed = ["nosuid", "nodev", ...(part.access === "read" ? ["ro"] : [])];
  const open = withAllOn(view, top).find(({ options }) => needed.some((option) => !options.includes(option)));
  return open === undefined ? undefined : `${open.point} could not be made ${needed.join(", ")}`;
}

/** Whether what is shown there is that very file. */
export function isShown({ wall }: View, at: string, { device, inode }: Found): boolean {
  try {
    const { dev, ino } = statSync(`/proc/${wall.pid}/root${at}`, { bigint: true });
    return dev === device && ino === inode;
  } catch {
    return false;
  }
}

/** Puts what was staged in the place of what is shown there. The app should stand still: for a moment nothing is there. */
export async function replaceShown(view: View, staging: string, at: string): Promise<string | undefined> {
  await hideShown(view, at);
  return await showView(view, staging, at);
}

/** Takes away what is shown there. @returns why something is still there */
export async function hideShown(view: View, at: string): Promise<string | undefined> {
  let because: string | undefined;
  for (let round = 0; round < MOST_LAYERS && topAt(view, at) !== undefined; round++)
    because = await inWall(view, ["umount", "--no-mtab", "--lazy", at]);
  return topAt(view, at) === undefined ? undefined : (because ?? "it is mounted again and again");
}

/** An empty file where there is none yet, in a folder in memory that the helper has made. */
export async function makePlace(view: View, at: string): Promise<void> {
  await inWall(view, ["install", "-D", "--mode=0444", "--", "/dev/null", at]);
}

/** @param at - an empty file on which nothing is shown any more */
export async function removePlace(view: View, at: string): Promise<void> {
  await inWall(view, ["rm", "--force", "--", at]);
}

/** Places below a folder on which something is shown, as paths below it. */
export function shownBelow({ wall }: View, folder: string): readonly string[] {
  const below = (mountsOf(wall.pid) ?? []).filter(({ point }) => point.startsWith(`${folder}/`));
  return [...new Set(below.map(({ point }) => point.slice(folder.length + 1)))];
}

/** Hands a view on to the app. What bubblewrap has put on the slot for the start stays above it. */
export async function showView(view: View, staging: string, slot: string): Promise<string | undefined> {
  return await inWall(view, ["mount", "--no-mtab", "--move", staging, slot]);
}

/** What of the host is shown on a slot now, as the app sees it. */
export function shownOn(view: View, slot: Mount): readonly Mount[] {
  return mountsOn(mountsOf(view.first.pid) ?? [], new Set([slot.id]));
}

/** The app's own mount for a slot: what it shows of the host is that folder, wherever the app has moved it to. */
export function slotMount(view: View, slots: string, request: string): Mount | undefined {
  const all = topAt(view, slots);
  if (all === undefined) return undefined;
  return (mountsOf(view.first.pid) ?? []).find(
    ({ device, root }) => device === all.device && root === `${all.root === "/" ? "" : all.root}/${request}`,
  );
}

/**
 * Takes away all that is on a slot: what was handed on to it, and what bubblewrap has put there.
 *
 * @returns why something is still there
 */
export async function clearSlot(view: View, folder: string, slot: Mount): Promise<string | undefined> {
  let because: string | undefined;
  for (let round = 0; round < MOST_LAYERS; round++) {
    if (topAt(view, folder) === undefined) break;
    because = await inWall(view, ["umount", "--no-mtab", "--lazy", folder]);
  }
  for (let round = 0; round < MOST_LAYERS; round++) {
    const on = shownOn(view, slot).find(({ parent }) => parent === slot.id);
    if (on === undefined) return undefined;
    because = await inApp(view, on.point);
  }
  return because ?? "it is mounted again and again";
}

/** More than that are never on one slot. */
const MOST_LAYERS = 20;

/** Unmounts in the app's own namespace: umount(8) enters it for the one call only. It reads /proc there. */
async function inApp({ wall, first, asRoot }: View, point: string): Promise<string | undefined> {
  const enter = [`--pid=/proc/${first.pid}/ns/pid`];
  const namespace = `/proc/${first.pid}/ns/mnt`;
  return await enterWall({ wall, first, asRoot }, enter, [
    ...["umount", "--no-mtab", "--lazy", "--namespace", namespace, point],
  ]);
}

async function inWall(view: View, command: readonly [string, ...string[]]): Promise<string | undefined> {
  return await enterWall(view, [], command);
}

const ENDED = "the compartment has ended";

async function enterWall(
  { wall, first, asRoot }: View,
  enter: readonly string[],
  [program, ...words]: readonly string[],
): Promise<string | undefined> {
  const hasEnded = () => !isAlive(wall) || !isAlive(first);
  if (hasEnded()) return ENDED;
  const user = asRoot ? [] : [`--user=/proc/${wall.pid}/ns/user`, "--preserve-credentials"];
  const done = await runProgram(
    ["/usr/bin/nsenter", ...user, `--mount=/proc/${wall.pid}/ns/mnt`, ...enter, "--", `/usr/bin/${program}`, ...words],
    { timeoutMs: LIMIT_MS, environment: { PATH: SYSTEM_PATH, LANG: "C.UTF-8" }, maxOutputBytes: 64 * 1024 },
  );
  if (!done.ok) return done.problem.kind;
  if (done.value.code === 0) return undefined;
  // What could not be entered may have ended just now, and then that is what is to be told.
  if (hasEnded()) return ENDED;
  return done.value.stderr.trim().split("\n")[0] ?? `${program} ended with ${done.value.code}`;
}
