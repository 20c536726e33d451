/**
 * Writes cpio archives in the `newc` form, which the kernel unpacks as its first root and busybox as any other. Pure.
 *
 * The same entries give the same bytes: no time, no user, numbers in order. Source: cpio(5), and the kernel's
 * driver-api/early-userspace/buffer-format.rst.
 *
 * Invariant: a path is relative, clean and below the archive's root; folders come before what is in them.
 */
import type { ArchiveEntry } from "../../step/index.ts";

const PATH_BYTES_LIMIT = 4095;
const CONTENT_BYTES_LIMIT = 0xffff_ffff;

const TYPE = { folder: 0o040000, file: 0o100000, link: 0o120000 } as const;

/** @param blockBytes - the archive is filled up to a multiple of it */
export function writeCpio(entries: readonly ArchiveEntry[], blockBytes = 512): Buffer {
  const known = new Set<string>();
  const pieces: Buffer[] = [];
  let number = 0;
  const add = (name: string, mode: number, content: Buffer) => {
    const fields = [++number, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, Buffer.byteLength(name) + 1, 0];
    const head = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}${name}\0`;
    pieces.push(padded(Buffer.from(head), 4), padded(content, 4));
  };
  for (const entry of entries) {
    refuseAstray(entry.path, known);
    const content = contentOf(entry);
    if (content.length > CONTENT_BYTES_LIMIT) throw new Error(`${entry.path} is too large for a cpio archive`);
    known.add(entry.path);
    add(entry.path, TYPE[entry.kind] | (entry.kind === "link" ? 0o777 : entry.mode), content);
  }
  number = -1;
  add("TRAILER!!!", 0, Buffer.alloc(0));
  return padded(Buffer.concat(pieces), blockBytes);
}

/** The folders on the way to what the entries name, each before what is in it, where no entry is one already. */
export function withFolders(entries: readonly ArchiveEntry[]): readonly ArchiveEntry[] {
  const folders = new Set(entries.flatMap(({ kind, path }) => (kind === "folder" ? [path] : [])));
  const out: ArchiveEntry[] = [];
  const made = new Set<string>();
  for (const entry of entries) {
    const parts = entry.path.split("/");
    for (let count = 1; count < parts.length; count++) {
      const path = parts.slice(0, count).join("/");
      if (!made.has(path) && !folders.has(path)) out.push({ kind: "folder", path, mode: 0o755 });
      made.add(path);
    }
    made.add(entry.path);
    out.push(entry);
  }
  return out;
}

function contentOf(entry: ArchiveEntry): Buffer {
  if (entry.kind === "folder") return Buffer.alloc(0);
  return Buffer.from(entry.kind === "link" ? entry.target : entry.content);
}

function refuseAstray(path: string, known: ReadonlySet<string>): void {
  const parts = path.split("/");
  const clean = parts.every((part) => part !== "" && part !== "." && part !== "..");
  const length = Buffer.byteLength(path);
  if (!clean || path.includes("\0") || length > PATH_BYTES_LIMIT || known.has(path))
    throw new Error(`no path for an archive: ${JSON.stringify(path)}`);
}

function padded(bytes: Buffer, multiple: number): Buffer {
  const rest = bytes.length % multiple;
  return rest === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(multiple - rest)]);
}
