/**
 * Owner socket: a server listens at a Unix socket in a folder of the owner's, who names the path.
 *
 * The socket is made in a folder that nobody else can enter, shut to others, and linked to its name only then. All of it
 * goes through one descriptor of the folder: what is put in the place of a parent meanwhile leads nowhere.
 *
 * Invariants
 * - What is there already stays, but for a socket that was made here before and is known by its inode.
 * - Nobody but its owner can connect to it.
 */
import { createHash } from "node:crypto";
import {
  type BigIntStats,
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  realpathSync,
  rmdirSync,
  unlinkSync,
} from "node:fs";
import { once } from "node:events";
import type { Server } from "node:net";
import { basename, dirname } from "node:path";
import { isWithin } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";
import { hasCode } from "./files.ts";

/** Which socket it is, whatever becomes of its name. */
export interface SocketId {
  readonly inode: string;
  readonly born: string;
}

export interface NoOwnerSocket {
  readonly kind: "no-owner-socket";
  /** `taken`: something is there that is not ours. `open-folder`: others may put things there. */
  readonly because: "no-folder" | "not-owners" | "open-folder" | "skerrys" | "taken" | "failed";
  /** Of the system, where there is one. */
  readonly words: string;
}

interface SocketWanted {
  /** Absolute and clean. */
  readonly path: string;
  /** Of the socket that was made for it before, and may be replaced. */
  readonly before: SocketId | undefined;
  /** Skerry's own folders, with every link followed. */
  readonly ownFolders: readonly string[];
  /** Is told which one it is before it has its name. */
  readonly remember: (id: SocketId) => Promise<void>;
}

/** One after another: two that name one path are not in each other's way. */
let last: Promise<unknown> = Promise.resolve();

export async function listenAtOwnerSocket(server: Server, wanted: SocketWanted): Promise<Result<void, NoOwnerSocket>> {
  const act = async () => await listen(server, wanted);
  const done = last.then(act, act);
  last = done.catch(() => {});
  return await done;
}

async function listen(server: Server, wanted: SocketWanted): Promise<Result<void, NoOwnerSocket>> {
  let folder: number | undefined;
  try {
    folder = openSync(realpathSync(dirname(wanted.path)), FOLDER);
    const refused = folderFault(folder, wanted.ownFolders);
    return refused === undefined ? await listenIn(server, folder, wanted) : no(refused);
  } catch (error) {
    return isMissing(error) ? no("no-folder") : no("failed", wordsOf(error));
  } finally {
    if (folder !== undefined) closeSync(folder);
  }
}

/** Takes the name away where it is still that of this socket. */
export function removeOwnerSocket(path: string, id: SocketId): void {
  try {
    if (isThat(lstatSync(path, { bigint: true }), id)) unlinkSync(path);
  } catch {
    // Somebody else has taken it away.
  }
}

const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

function folderFault(folder: number, ownFolders: readonly string[]): NoOwnerSocket["because"] | undefined {
  const { uid, mode } = fstatSync(folder);
  const real = realpathSync(`/proc/self/fd/${folder}`);
  if (ownFolders.some((own) => isWithin(real, own))) return "skerrys";
  if (uid !== process.getuid?.()) return "not-owners";
  // In a folder with the sticky bit nobody takes away what is another's.
  return (mode & 0o002) !== 0 && (mode & 0o1000) === 0 ? "open-folder" : undefined;
}

async function listenIn(
  server: Server,
  folder: number,
  { path, before, remember }: SocketWanted,
): Promise<Result<void, NoOwnerSocket>> {
  const at = `/proc/self/fd/${folder}`;
  const target = `${at}/${basename(path)}`;
  const present = lstatSync(target, { bigint: true, throwIfNoEntry: false });
  if (present !== undefined) {
    if (before === undefined || !isThat(present, before)) return no("taken");
    unlinkSync(target);
  }
  const room = `${at}/.skerry-${createHash("sha256").update(path).digest("hex").slice(0, 12)}`;
  // Of an agent that was killed here. Whatever else is in it stays, and then nothing is made.
  clear(room);
  mkdirSync(room, { mode: 0o700 });
  try {
    server.listen(`${room}/s`);
    await once(server, "listening");
    const id = shutToOthers(`${room}/s`);
    await remember(id);
    linkSync(`${room}/s`, target);
    // Who may write to the folder can put things in each other's place.
    if (isThat(lstatSync(target, { bigint: true }), id)) return success(undefined);
    server.close();
    return no("taken");
  } catch (error) {
    server.close();
    return hasCode(error, "EEXIST") ? no("taken") : no("failed", wordsOf(error));
  } finally {
    clear(room);
  }
}

/** By a descriptor, which follows no link. */
function shutToOthers(path: string): SocketId {
  const file = openSync(path, O_PATH | constants.O_NOFOLLOW);
  try {
    chmodSync(`/proc/self/fd/${file}`, 0o600);
    const { ino, birthtimeNs } = fstatSync(file, { bigint: true });
    return { inode: String(ino), born: String(birthtimeNs) };
  } finally {
    closeSync(file);
  }
}

/** open(2): Node has no name for it. */
const O_PATH = 0o10000000;

function clear(room: string): void {
  for (const remove of [() => unlinkSync(`${room}/s`), () => rmdirSync(room)]) {
    try {
      remove();
    } catch {
      // It is not there, or is not ours to remove.
    }
  }
}

function isThat(about: BigIntStats, { inode, born }: SocketId): boolean {
  return about.isSocket() && String(about.ino) === inode && String(about.birthtimeNs) === born;
}

function no(because: NoOwnerSocket["because"], words = ""): Result<never, NoOwnerSocket> {
  return refusal({ kind: "no-owner-socket", because, words });
}

function isMissing(error: unknown): boolean {
  return hasCode(error, "ENOENT") || hasCode(error, "ENOTDIR") || hasCode(error, "ELOOP");
}

function wordsOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
