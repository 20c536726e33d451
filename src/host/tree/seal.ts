/** Seal and verify: a tree's digest and list of files, and what of a tree is not as its list says. */
import { createHash, type Hash } from "node:crypto";
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import type { Exported, FileDifference, Sealed, Verified } from "../../step/index.ts";
import { entryOf, membersOf } from "./canonical.ts";
import { whatDiffers } from "./diff.ts";
import { escapeBytes, LIST_HEAD, type ListedEntry, readList, type TreeEntry, writeEntry } from "./entry.ts";
import type { TarListener } from "./read-tar.ts";
import { walk } from "./walk.ts";
import { ARCHIVE_END, memberHead, padding } from "./write-tar.ts";

/** Told of one thing at the most. */
const REFUSED_LIMIT = 20;
const DIFFERENCES_LIMIT = 1000;

/** Bytes between two words about how far it is. */
const TELL_EVERY = 16 * 1024 * 1024;

export type Tell = (bytes: number) => void;

export async function seal(tree: string, files: string, tell: Tell): Promise<Sealed> {
  const list: string[] = [LIST_HEAD];
  const { digest, refused, bytes } = await canonical(tree, (entry) => list.push(writeEntry(entry)), undefined, tell);
  const text = `${list.join("\n")}\n`;
  if (refused.length === 0) writeWholeFile(files, text);
  return { digest, filesDigest: sha256(text), entries: list.length - 1, bytes, refused };
}

/** @param file - descriptor; the archive is written from where it stands */
export async function exportTree(tree: string, file: number, tell: Tell): Promise<Exported> {
  const { digest, bytes } = await canonical(
    tree,
    () => {},
    (piece) => writeAll(file, piece),
    tell,
  );
  return { digest, bytes };
}

export async function verify(tree: string, files: string, tell: Tell): Promise<Verified> {
  const text = readFileSync(files, "utf8");
  const expected = new Map<string, ListedEntry>();
  const isList = fill(expected, text);
  const differences: FileDifference[] = [];
  let more = 0;
  const differs = (difference: FileDifference) => {
    if (differences.length < DIFFERENCES_LIMIT) differences.push(difference);
    else more++;
  };
  const look = (entry: ListedEntry) => {
    // Without a list there is nothing to name; that the digest differs is told all the same.
    if (!isList) return;
    const listed = expected.get(entry.path);
    expected.delete(entry.path);
    if (listed === undefined) differs({ kind: "extra", path: escapeBytes(entry.path), what: [] });
    else {
      const what = whatDiffers(listed, entry);
      if (what.length > 0) differs({ kind: "changed", path: escapeBytes(entry.path), what });
    }
  };
  const { digest, refused, bytes } = await canonical(tree, look, undefined, tell);
  for (const path of refused) differs({ kind: "extra", path, what: [] });
  for (const path of expected.keys()) differs({ kind: "missing", path: escapeBytes(path), what: [] });
  return { digest, filesDigest: sha256(text), bytes, differences, more };
}

function fill(expected: Map<string, ListedEntry>, text: string): boolean {
  try {
    for (const entry of readList(text)) expected.set(entry.path, entry);
    return true;
  } catch {
    expected.clear();
    return false;
  }
}

interface Canonical {
  readonly digest: string;
  /** Of the archive. */
  readonly bytes: number;
  readonly refused: readonly string[];
}

/** Walks the tree once: hands on each entry with its hash, and the archive's bytes where somebody wants them. */
async function canonical(
  tree: string,
  onEntry: (entry: ListedEntry) => void,
  onBytes: ((piece: Buffer) => void) | undefined,
  tell: Tell,
): Promise<Canonical> {
  const whole = createHash("sha256");
  const refused: string[] = [];
  let [bytes, told] = [0, 0];
  const put = (piece: Buffer) => {
    whole.update(piece);
    onBytes?.(piece);
    bytes += piece.length;
    if (bytes - told < TELL_EVERY) return;
    told = bytes;
    tell(bytes);
  };
  let current: { readonly entry: TreeEntry; readonly hash: Hash } | undefined;
  const listener: TarListener = {
    head(head) {
      const entry = entryOf(head);
      current = undefined;
      if (typeof entry === "string") {
        if (refused.length < REFUSED_LIMIT) refused.push(`${escapeBytes(head.name)}: ${entry}`);
        return;
      }
      for (const member of membersOf(entry)) put(memberHead(member));
      if (entry.type === "file") current = { entry, hash: createHash("sha256") };
      else onEntry({ ...entry, sha256: "" });
    },
    data(piece) {
      if (current === undefined) return;
      current.hash.update(piece);
      put(piece);
    },
    end() {
      if (current === undefined) return;
      put(padding(current.entry.size));
      onEntry({ ...current.entry, sha256: current.hash.digest("hex") });
    },
  };
  await walk(tree, listener);
  put(ARCHIVE_END);
  tell(bytes);
  return { digest: whole.digest("hex"), bytes, refused };
}

function writeWholeFile(path: string, text: string): void {
  const file = openSync(path, "wx", 0o644);
  try {
    writeAll(file, Buffer.from(text));
  } finally {
    closeSync(file);
  }
}

function writeAll(file: number, piece: Buffer): void {
  for (let at = 0; at < piece.length; ) at += writeSync(file, piece, at);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
