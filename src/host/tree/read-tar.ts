/**
 * Reads tar archives: ustar with the extended headers of pax, and GNU's long names, which other tools still write.
 *
 * The archive is not believed. Every number, length and count is bounded before it is used; what does not fit is thrown
 * as `BadTar` with words for a person. What a path may be is for the caller to say.
 *
 * Source: POSIX pax(1), "ustar interchange format" and "pax extended header"; GNU tar, "basic tar format".
 */
import type { Attribute } from "./entry.ts";

export class BadTar extends Error {}

export interface TarHead {
  /** As it stands in the archive, byte for byte (latin1). */
  readonly name: string;
  readonly type: "file" | "hard-link" | "link" | "char" | "block" | "folder" | "fifo";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Whole seconds. */
  readonly mtime: number;
  readonly size: number;
  readonly target: string;
  readonly device: readonly [number, number];
  /** Extended attributes and access lists, by their pax names, sorted. */
  readonly attributes: readonly Attribute[];
}

export interface TarListener {
  head(head: TarHead): void;
  /** Content of the file whose head came last. The bytes are only lent. */
  data(piece: Buffer): void;
  end(): void;
}

const BLOCK = 512;

const LIMITS = {
  entries: 2_000_000,
  /** Extended headers of one entry, all together. */
  extendedBytes: 1024 * 1024,
  pathBytes: 4095,
  attributes: 64,
  fileBytes: 2 ** 40,
};

const TYPES: Readonly<Record<string, TarHead["type"]>> = {
  "\0": "file",
  "0": "file",
  "1": "hard-link",
  "2": "link",
  "3": "char",
  "4": "block",
  "5": "folder",
  "6": "fifo",
  "7": "file",
};

/** Attributes that say something about this host, or about how an overlay was written, and nothing about the file. */
const HOSTS_OWN =
  /^SCHILY\.xattr\.(?:security\.(?:selinux|ima|evm|SMACK64.*)|system\..*|trusted\..*|user\.overlay\.(?!opaque$).*)$/;

export class TarReader {
  readonly #listener: TarListener;
  #pending: Buffer = Buffer.alloc(0);
  /** Bytes of content that are still to come, and those that fill its last block. */
  #content = 0;
  #padding = 0;
  #state: "heads" | "data" | "extended" | "over" = "heads";
  #zeroBlocks = 0;
  #entries = 0;
  #extended: { readonly type: string; readonly pieces: Buffer[] } | undefined;
  #extendedBytes = 0;
  #records = new Map<string, string>();

  constructor(listener: TarListener) {
    this.#listener = listener;
  }

  write(chunk: Buffer): void {
    let rest = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    for (;;) {
      if (this.#content > 0) {
        if (rest.length === 0) break;
        const piece = rest.subarray(0, Math.min(rest.length, this.#content));
        rest = rest.subarray(piece.length);
        this.#content -= piece.length;
        if (this.#state === "extended") this.#extended?.pieces.push(Buffer.from(piece));
        else this.#listener.data(piece);
        continue;
      }
      if (this.#padding > 0) {
        if (rest.length === 0) break;
        const count = Math.min(rest.length, this.#padding);
        rest = rest.subarray(count);
        this.#padding -= count;
        continue;
      }
      if (this.#state === "data") {
        this.#state = "heads";
        this.#listener.end();
      } else if (this.#state === "extended") {
        this.#state = "heads";
        this.#readExtended();
      }
      if (rest.length < BLOCK) break;
      this.#readBlock(rest.subarray(0, BLOCK));
      rest = rest.subarray(BLOCK);
    }
    this.#pending = Buffer.from(rest);
  }

  /** To be called when no more comes. */
  finish(): void {
    if (this.#content > 0 || this.#padding > 0 || this.#pending.length > 0) throw new BadTar("it ends half-way");
    if (this.#state === "data") this.#listener.end();
    if (this.#state === "extended" || this.#records.size > 0) throw new BadTar("it ends half-way");
    if (this.#zeroBlocks < 2) throw new BadTar("its end is missing");
  }

  #readBlock(block: Buffer): void {
    if (block.every((byte) => byte === 0)) {
      this.#zeroBlocks++;
      return;
    }
    if (this.#zeroBlocks > 0) throw new BadTar("something follows its end");
    checkSum(block);
    const type = block.toString("latin1", 156, 157);
    if (type === "x" || type === "L" || type === "K") {
      const size = numberAt(block, 124, 12);
      this.#extendedBytes += size;
      if (this.#extendedBytes > LIMITS.extendedBytes) throw new BadTar("the extended header of an entry is too large");
      this.#extended = { type, pieces: [] };
      this.#expect("extended", size);
      return;
    }
    if (++this.#entries > LIMITS.entries) throw new BadTar(`it has more than ${LIMITS.entries} entries`);
    const head = headOf(block, type, this.#records);
    this.#records = new Map();
    this.#extendedBytes = 0;
    this.#listener.head(head);
    this.#expect("data", head.size);
  }

  #expect(state: "data" | "extended", size: number): void {
    this.#state = state;
    this.#content = size;
    this.#padding = (BLOCK - (size % BLOCK)) % BLOCK;
  }

  #readExtended(): void {
    const content = Buffer.concat(this.#extended?.pieces ?? []);
    if (this.#extended?.type === "x") {
      for (const [key, value] of recordsOf(content)) this.#records.set(key, value);
    } else {
      const name = content.toString("latin1").replace(/\0+$/, "");
      this.#records.set(this.#extended?.type === "L" ? "path" : "linkpath", name);
    }
    this.#extended = undefined;
  }
}

/** `LENGTH KEY=VALUE\n`, where the length counts the whole record. */
function* recordsOf(content: Buffer): Generator<readonly [string, string]> {
  for (let at = 0; at < content.length; ) {
    const space = content.indexOf(0x20, at);
    const digits = space === -1 ? "" : content.toString("latin1", at, space);
    const end = at + Number(digits);
    if (!/^[1-9]\d{0,7}$/.test(digits) || end > content.length || content[end - 1] !== 0x0a)
      throw new BadTar("an extended header makes no sense");
    const equals = content.indexOf(0x3d, space);
    if (equals === -1 || equals >= end) throw new BadTar("an extended header makes no sense");
    yield [content.toString("latin1", space + 1, equals), content.toString("latin1", equals + 1, end - 1)];
    at = end;
  }
}

function headOf(block: Buffer, letter: string, records: ReadonlyMap<string, string>): TarHead {
  const type = TYPES[letter];
  if (type === undefined) throw new BadTar(`an entry is of the unknown type ${JSON.stringify(letter)}`);
  if ([...records.keys()].some((key) => key.startsWith("GNU.sparse"))) throw new BadTar("a file is stored as sparse");
  const posix = block.toString("latin1", 257, 263) === "ustar\0";
  const prefix = posix ? textAt(block, 345, 155) : "";
  const short = textAt(block, 0, 100);
  const name = records.get("path") ?? (prefix === "" ? short : `${prefix}/${short}`);
  const target = records.get("linkpath") ?? textAt(block, 157, 100);
  if (name.length > LIMITS.pathBytes || target.length > LIMITS.pathBytes) throw new BadTar("a path is too long");
  if (name.includes("\0") || target.includes("\0")) throw new BadTar("a path holds a zero byte");
  const size = countOf(records.get("size")) ?? numberAt(block, 124, 12);
  // Only files have content; what else claims some is not what it says.
  if (size > LIMITS.fileBytes || (size > 0 && type !== "file")) throw new BadTar("an entry has a size that cannot be");
  const attributes = [...records].filter(([key]) => /^SCHILY\.(?:xattr|acl)\../.test(key) && !HOSTS_OWN.test(key));
  if (attributes.length > LIMITS.attributes) throw new BadTar("an entry has too many attributes");
  return {
    name,
    type,
    mode: numberAt(block, 100, 8) & 0o7777,
    uid: idOf(records.get("uid")) ?? numberAt(block, 108, 8),
    gid: idOf(records.get("gid")) ?? numberAt(block, 116, 8),
    mtime: timeOf(records.get("mtime")) ?? numberAt(block, 136, 12),
    size,
    target: type === "link" || type === "hard-link" ? target : "",
    device: [numberAt(block, 329, 8), numberAt(block, 337, 8)],
    attributes: attributes.toSorted(([left], [right]) => (left < right ? -1 : 1)),
  };
}

function checkSum(block: Buffer): void {
  const magic = block.toString("latin1", 257, 262);
  if (magic !== "ustar") throw new BadTar("it is no tar archive");
  let sum = 8 * 0x20;
  for (let at = 0; at < BLOCK; at++) if (at < 148 || at >= 156) sum += block[at] ?? 0;
  if (sum !== numberAt(block, 148, 8)) throw new BadTar("a header's checksum is wrong");
}

function textAt(block: Buffer, at: number, length: number): string {
  const text = block.toString("latin1", at, at + length);
  const end = text.indexOf("\0");
  return end === -1 ? text : text.slice(0, end);
}

/** Octal, or GNU's big-endian binary for what does not fit; never negative. */
function numberAt(block: Buffer, at: number, length: number): number {
  const first = block[at] ?? 0;
  if (first === 0x80) {
    const value = BigInt(`0x${block.toString("hex", at + 1, at + length)}`);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new BadTar("a number is too large");
    return Number(value);
  }
  const digits = block
    .toString("latin1", at, at + length)
    .replace(/[\0 ]+$/, "")
    .trimStart();
  if (!/^[0-7]*$/.test(digits)) throw new BadTar("a number makes no sense");
  return digits === "" ? 0 : Number.parseInt(digits, 8);
}

function countOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw new BadTar("a number makes no sense");
  return Number(text);
}

function idOf(text: string | undefined): number | undefined {
  const id = countOf(text);
  if (id !== undefined && id > 0xffff_ffff) throw new BadTar("an owner's number is too large");
  return id;
}

function timeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^-?\d{1,12}(?:\.\d{1,20})?$/.test(text)) throw new BadTar("a time makes no sense");
  return Math.floor(Number(text));
}
