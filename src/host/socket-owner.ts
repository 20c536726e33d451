/**
 * Socket owner: which program inside a compartment has a socket, found from outside.
 *
 * The kernel lists the sockets of a network with their inodes (proc_net(5)), and each process has links to its own. Both are
 * read at once: a moment later the socket may be closed.
 *
 * Invariants
 * - What is not found in time is not guessed at.
 * - An app names its own files: who shows a program's path escapes it.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { ipText, parseIp, unmapped } from "../model/index.ts";
import type { ProcessName } from "./processes.ts";

export interface SocketEnd {
  /** Undefined: any. */
  readonly address: string | undefined;
  readonly port: number;
}

/** Who waits for it does nothing else meanwhile. */
const LOOKED_FOR_MS = 10;

/** Of one process. */
const FILES_MOST = 2048;

/** A list of more bytes is not searched. */
const LIST_BYTES = 2 * 1024 * 1024;

/**
 * @param of - a process in the network
 * @param near - the program's end
 * @param far - where it leads; undefined for a socket that need not be connected
 * @returns undefined where there is none, or nobody has it open any more
 */
export function inodeOfSocket(
  of: ProcessName,
  protocol: "tcp" | "udp",
  near: SocketEnd,
  far: SocketEnd | undefined,
): string | undefined {
  for (const file of [protocol, `${protocol}6`]) {
    const found = inodeIn(listOf(of, file), near, far);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Reads one such list. */
export function inodeIn(list: string, near: SocketEnd, far: SocketEnd | undefined): string | undefined {
  if (list.length > LIST_BYTES) return undefined;
  for (const line of list.split("\n").slice(1)) {
    // Number, both ends, state, queues, timers, retransmissions, user, timeout, inode.
    const [, local = "", remote = "", , , , , , , inode = "0"] = line.trim().split(/\s+/);
    if (isEnd(local, near) && (far === undefined || isEnd(remote, far)) && /^[1-9]\d*$/.test(inode)) return inode;
  }
  return undefined;
}

/** @returns the path of the program as it is inside; undefined where none of the network's processes is found to have it */
export function programWith(inode: string, of: ProcessName): string | undefined {
  const network = link(`/proc/${of.pid}/ns/net`);
  const until = performance.now() + LOOKED_FOR_MS;
  // What was started last comes first.
  for (const pid of listed("/proc").toReversed()) {
    if (performance.now() > until) return undefined;
    if (!/^\d+$/.test(pid) || network === undefined || link(`/proc/${pid}/ns/net`) !== network) continue;
    for (const file of listed(`/proc/${pid}/fd`).slice(0, FILES_MOST))
      if (link(`/proc/${pid}/fd/${file}`) === `socket:[${inode}]`) return link(`/proc/${pid}/exe`);
  }
  return undefined;
}

function link(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function listed(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function listOf(of: ProcessName, file: string): string {
  try {
    return readFileSync(`/proc/${of.pid}/net/${file}`, "latin1");
  } catch {
    return "";
  }
}

/** @param shown - `0100007F:0035`: words of 32 bits as this machine has them, and the port */
function isEnd(shown: string, { address, port }: SocketEnd): boolean {
  const [words = "", hex = ""] = shown.split(":");
  if (Number.parseInt(hex, 16) !== port) return false;
  return address === undefined || plainText(address) === addressIn(words);
}

/** On the architectures that we run on, the lowest byte comes first. */
function addressIn(words: string): string | undefined {
  const bytes = (words.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).toReversed());
  if (bytes.length !== 4 && bytes.length !== 16) return undefined;
  return plainText(ipText({ family: bytes.length === 4 ? 4 : 6, bits: BigInt(`0x${bytes.join("")}`) }));
}

/** An IPv4 address on a socket of both families is that address. */
function plainText(text: string): string | undefined {
  const ip = parseIp(text);
  return ip === undefined ? undefined : ipText(unmapped(ip));
}
