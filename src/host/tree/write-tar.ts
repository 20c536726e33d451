/**
 * Writes tar archives in one form only: the same entries always give the same bytes.
 *
 * ustar with pax headers where a value does not fit, keys in a fixed order, no names of users, no time but mtime.
 * Source: POSIX pax(1).
 */
import type { Attribute } from "./entry.ts";

export interface TarMember {
  /** As it is to stand in the archive; a folder's without the slash. */
  readonly name: string;
  readonly type: "file" | "folder" | "link" | "fifo" | "char" | "hard-link";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly size: number;
  readonly target: string;
  readonly attributes: readonly Attribute[];
}

const BLOCK = 512;

const LETTERS = { file: "0", "hard-link": "1", link: "2", char: "3", folder: "5", fifo: "6" } as const;

/** Largest values of ustar's fields. */
const MAX_ID = 0o7777777;
const MAX_SIZE = 0o77777777777;

/** What stands in front of a member's content. */
export function memberHead(member: TarMember): Buffer {
  const name = member.type === "folder" ? `${member.name}/` : member.name;
  const records: [string, string][] = [];
  if (name.length > 100) records.push(["path", name]);
  if (member.target.length > 100) records.push(["linkpath", member.target]);
  if (member.size > MAX_SIZE) records.push(["size", String(member.size)]);
  if (member.uid > MAX_ID) records.push(["uid", String(member.uid)]);
  if (member.gid > MAX_ID) records.push(["gid", String(member.gid)]);
  if (member.mtime < 0 || member.mtime > MAX_SIZE) records.push(["mtime", String(member.mtime)]);
  records.push(...member.attributes.map(([key, value]): [string, string] => [key, value]));
  const head = block({ ...member, name, letter: LETTERS[member.type] });
  if (records.length === 0) return head;
  const extended = Buffer.from(records.map(([key, value]) => record(key, value)).join(""), "latin1");
  const extendedHead = block({
    name: "PaxHeaders/entry",
    letter: "x",
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: 0,
    size: extended.length,
    target: "",
  });
  return Buffer.concat([extendedHead, extended, padding(extended.length), head]);
}

/** What follows a member's content. */
export function padding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}

/** What stands at the end of an archive. */
export const ARCHIVE_END = Buffer.alloc(2 * BLOCK);

/** The length that a record begins with counts its own digits. */
function record(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return `${length}${rest}`;
}

function block(head: Omit<TarMember, "type" | "attributes"> & { readonly letter: string }): Buffer {
  const bytes = Buffer.alloc(BLOCK);
  const octal = (value: number, digits: number, max: number) =>
    (value < 0 || value > max ? 0 : value).toString(8).padStart(digits, "0");
  bytes.write(head.name.slice(0, 100), 0, "latin1");
  bytes.write(octal(head.mode, 7, 0o7777), 100);
  bytes.write(octal(head.uid, 7, MAX_ID), 108);
  bytes.write(octal(head.gid, 7, MAX_ID), 116);
  bytes.write(octal(head.size, 11, MAX_SIZE), 124);
  bytes.write(octal(head.mtime, 11, MAX_SIZE), 136);
  bytes.write("        ", 148);
  bytes.write(head.letter, 156);
  bytes.write(head.target.slice(0, 100), 157, "latin1");
  bytes.write("ustar\0", 257, "latin1");
  bytes.write("00", 263);
  // Only device nodes have numbers, and the only ones there are have 0 and 0.
  bytes.write(octal(0, 7, 0), 329);
  bytes.write(octal(0, 7, 0), 337);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${octal(sum, 6, MAX_ID)}\0 `, 148);
  return bytes;
}
