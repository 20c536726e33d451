/**
 * Looks into a running compartment from outside, without a program in there: what listens, and whether a path exists.
 *
 * Invariants
 * - Nothing of the host is reached: a path is walked part by part below the compartment's own root, a link in it is read
 *   and walked the same way, and `..` stops at that root.
 * - What cannot be seen is not there: an error of any kind is a no.
 */
import { constants } from "node:fs";
import { type FileHandle, lstat, open, readlink, stat } from "node:fs/promises";

/** Listening sockets come first in the kernel's table, so its beginning is enough. */
const TABLE_LIMIT_BYTES = 1024 * 1024;

/** As many links as the kernel follows (path_resolution(7)). */
const MOST_LINKS = 40;

/** Of openat(2), which Node does not list: the place alone, without a right to read or write it. */
const O_PATH = 0o10000000;

/** Does something listen on the TCP port, in the network of the process? */
export async function listensOn(pid: number, port: number): Promise<boolean> {
  // A process that shares our network says nothing about what runs inside.
  const [theirs, ours] = await Promise.all([networkOf(pid), networkOf(process.pid)]);
  if (theirs === undefined || theirs === ours) return false;
  for (const table of ["tcp", "tcp6"]) {
    if (hasListener(await beginningOf(`/proc/${pid}/net/${table}`), port)) return true;
  }
  return false;
}

async function networkOf(pid: number): Promise<string | undefined> {
  return await readlink(`/proc/${pid}/ns/net`).catch(() => undefined);
}

async function beginningOf(path: string): Promise<string> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, constants.O_RDONLY);
    const bytes = Buffer.alloc(TABLE_LIMIT_BYTES);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length);
      length += bytesRead;
      if (bytesRead === 0 || length === bytes.length) break;
    }
    return bytes.toString("latin1", 0, length);
  } catch {
    return "";
  } finally {
    await file?.close();
  }
}

/** @param table - of proc_pid_net(5): `sl local_address rem_address st …`, numbers in hexadecimal; 0A is LISTEN */
export function hasListener(table: string, port: number): boolean {
  return table.split("\n").some((line) => {
    const fields = /^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:0000 0A /.exec(line);
    return fields !== null && Number.parseInt(fields[1] ?? "", 16) === port;
  });
}

/**
 * Is there anything at the path, as the process sees it? A process that has our own root still says nothing about what is
 * inside: bubblewrap's child has, before the wall stands.
 *
 * @param path - clean and absolute
 */
export async function existsInside(pid: number, path: string): Promise<boolean> {
  const [theirs, ours] = await Promise.all([identityOf(`/proc/${pid}/root/.`), identityOf("/")]);
  return theirs !== undefined && theirs !== ours && (await existsBelow(`/proc/${pid}/root`, path));
}

async function identityOf(path: string): Promise<string | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return found && `${found.dev} ${found.ino}`;
}

/** @param top - a folder, or a link to one, that no path leads out of */
export async function existsBelow(top: string, path: string): Promise<boolean> {
  const opened: FileHandle[] = [];
  const place = async (where: string): Promise<FileHandle> => {
    const handle = await open(where, O_PATH | constants.O_NOFOLLOW);
    opened.push(handle);
    return handle;
  };
  try {
    const root = await open(top, O_PATH | constants.O_DIRECTORY);
    opened.push(root);
    let way: readonly FileHandle[] = [root];
    let rest = path.split("/").filter((part) => part !== "");
    for (let links = 0; rest.length > 0; ) {
      const [part = "", ...behind] = rest;
      rest = behind;
      if (part === ".") continue;
      if (part === "..") {
        way = way.length > 1 ? way.slice(0, -1) : way;
        continue;
      }
      const here = `/proc/self/fd/${(way.at(-1) ?? root).fd}/${part}`;
      const target = (await lstat(here)).isSymbolicLink() ? await readlink(here) : undefined;
      if (target === undefined) way = [...way, await place(here)];
      else {
        if (++links > MOST_LINKS) return false;
        if (target.startsWith("/")) way = [root];
        rest = [...target.split("/").filter((piece) => piece !== ""), ...rest];
      }
    }
    return true;
  } catch {
    return false;
  } finally {
    for (const handle of opened) await handle.close();
  }
}
