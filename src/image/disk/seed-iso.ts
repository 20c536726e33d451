/**
 * Seed ISO: a few small files as a read-only disk, for cloud-init (NoCloud). Pure; no program is needed for it.
 *
 * Source: ECMA-119 (ISO 9660), the Joliet specification. Names stand there twice: plain ones, which Linux shows in small
 * letters, and Joliet's, which every system of today reads.
 *
 * Invariant: the same files make the same bytes.
 */
const SECTOR = 2048;
const FIRST_DESCRIPTOR = 16;
const [PATHS, ROOT] = [19, 23];
const FIRST_FILE = 25;

export interface SeedFile {
  /** Small letters, digits and dashes: one that a plain entry can hold. */
  readonly name: string;
  readonly content: Uint8Array;
}

interface Placed extends SeedFile {
  readonly sector: number;
}

/** @param label - by which the system finds it; small letters, digits and dashes, at most 16 */
export function seedIso(label: string, files: readonly SeedFile[]): Buffer {
  for (const name of [label, ...files.map((file) => file.name)])
    if (!/^[a-z0-9-]{1,16}$/.test(name)) throw new Error(`no name on a seed: ${name}`);
  const placed: Placed[] = [];
  let next = FIRST_FILE;
  for (const file of files.toSorted((one, other) => (one.name < other.name ? -1 : 1))) {
    placed.push({ ...file, sector: next });
    next += Math.max(1, Math.ceil(file.content.length / SECTOR));
  }
  const image = Buffer.alloc(next * SECTOR);
  for (const [index, form] of [PLAIN, JOLIET].entries()) {
    const [paths, root] = [PATHS + 2 * index, ROOT + index];
    descriptor(form, label, next, paths, root).copy(image, (FIRST_DESCRIPTOR + index) * SECTOR);
    pathTable(root, "little").copy(image, paths * SECTOR);
    pathTable(root, "big").copy(image, (paths + 1) * SECTOR);
    folder(form, root, placed).copy(image, root * SECTOR);
  }
  Buffer.from("\xffCD001\x01", "latin1").copy(image, (FIRST_DESCRIPTOR + 2) * SECTOR);
  for (const { sector, content } of placed) image.set(content, sector * SECTOR);
  return image;
}

/** How names stand in one of the two trees. */
interface Form {
  readonly kind: number;
  readonly text: (text: string) => Buffer;
  readonly space: Buffer;
  readonly fileName: (name: string) => string;
  /** Says that names are in UCS-2. */
  readonly escape: string;
}

const PLAIN: Form = {
  kind: 1,
  text: (text) => Buffer.from(text, "latin1"),
  space: Buffer.from(" "),
  fileName: (name) => `${name.toUpperCase()}.;1`,
  escape: "",
};

const JOLIET: Form = {
  kind: 2,
  text: (text) => Buffer.from(text, "utf16le").swap16(),
  space: Buffer.from([0, 0x20]),
  fileName: (name) => name,
  escape: "%/E",
};

function descriptor(form: Form, label: string, sectors: number, paths: number, root: number): Buffer {
  const out = Buffer.alloc(SECTOR);
  out.write("\x01CD001\x01", 0, "latin1");
  out.writeUInt8(form.kind, 0);
  // System, label; then set, publisher, preparer, application, and three names of files: nothing but spaces.
  out.fill(form.space, 8, 72);
  form.text(label).copy(out, 40);
  bothWays(out, 80, sectors);
  out.write(form.escape, 88, "latin1");
  for (const at of [120, 124]) shortBothWays(out, at, 1);
  shortBothWays(out, 128, SECTOR);
  bothWays(out, 132, 10);
  out.writeUInt32LE(paths, 140);
  out.writeUInt32BE(paths + 1, 148);
  record("\0", root, SECTOR, true, PLAIN).copy(out, 156);
  out.fill(form.space, 190, 813);
  // Four times that are not known.
  for (const at of [813, 830, 847, 864]) out.write("0".repeat(16), at, "latin1");
  out.writeUInt8(1, 881);
  return out;
}

/** One folder: the root, which is its own parent. */
function pathTable(root: number, order: "little" | "big"): Buffer {
  const out = Buffer.alloc(10);
  out.writeUInt8(1, 0);
  if (order === "little") out.writeUInt32LE(root, 2);
  else out.writeUInt32BE(root, 2);
  if (order === "little") out.writeUInt16LE(1, 6);
  else out.writeUInt16BE(1, 6);
  return out;
}

function folder(form: Form, root: number, files: readonly Placed[]): Buffer {
  return Buffer.concat([
    record("\0", root, SECTOR, true, PLAIN),
    record("\x01", root, SECTOR, true, PLAIN),
    ...files.map(({ name, sector, content }) => record(form.fileName(name), sector, content.length, false, form)),
  ]);
}

function record(name: string, sector: number, bytes: number, isFolder: boolean, { text }: Form): Buffer {
  const named = text(name);
  const out = Buffer.alloc(33 + named.length + (named.length % 2 === 0 ? 1 : 0));
  out.writeUInt8(out.length, 0);
  bothWays(out, 2, sector);
  bothWays(out, 10, bytes);
  // The first of January 2020: a time that every system can hold.
  Buffer.from([120, 1, 1, 0, 0, 0, 0]).copy(out, 18);
  out.writeUInt8(isFolder ? 2 : 0, 25);
  shortBothWays(out, 28, 1);
  out.writeUInt8(named.length, 32);
  named.copy(out, 33);
  return out;
}

function bothWays(out: Buffer, at: number, value: number): void {
  out.writeUInt32LE(value, at);
  out.writeUInt32BE(value, at + 4);
}

function shortBothWays(out: Buffer, at: number, value: number): void {
  out.writeUInt16LE(value, at);
  out.writeUInt16BE(value, at + 2);
}
