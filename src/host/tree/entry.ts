/**
 * Entry: one file of a tree, and the line that says it in a layer's list of files.
 *
 * Names are bytes on Linux. Here each byte is one character (latin1), so that nothing is lost; for people and in the list
 * everything but printable ASCII is escaped.
 *
 * Invariant: `readEntry(writeEntry(entry))` is the same entry, whatever its names hold.
 */

export interface TreeEntry {
  /** Relative, without `./` and without a slash at the end; `.` for the root. */
  readonly path: string;
  readonly type: "file" | "folder" | "link" | "fifo" | "whiteout";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Whole seconds since 1970. */
  readonly mtime: number;
  /** Of a file's content. */
  readonly size: number;
  /** Of a symbolic link. */
  readonly target: string;
  /** By the names that pax headers have for them, sorted. */
  readonly attributes: readonly Attribute[];
}

export type Attribute = readonly [name: string, value: string];

export interface ListedEntry extends TreeEntry {
  /** SHA-256 of a file's content; empty for all else. */
  readonly sha256: string;
}

export const LIST_HEAD = "skerry-files/1";

const LETTERS = { file: "f", folder: "d", link: "l", fifo: "p", whiteout: "w" } as const;

export function writeEntry(entry: ListedEntry): string {
  const attributes = entry.attributes.map(([name, value]) => `${escapeBytes(name)}=${hex(value)}`).join(" ");
  return [
    LETTERS[entry.type],
    entry.mode.toString(8).padStart(4, "0"),
    entry.uid,
    entry.gid,
    entry.mtime,
    entry.size,
    entry.sha256,
    escapeBytes(entry.path),
    escapeBytes(entry.target),
    attributes,
  ].join("\t");
}

/** @returns undefined for what is no such line */
export function readEntry(line: string): ListedEntry | undefined {
  const match =
    /^([fdlpw])\t([0-7]{4})\t(\d{1,10})\t(\d{1,10})\t(-?\d{1,12})\t(\d{1,15})\t([0-9a-f]{64})?\t([!-~]+)\t([!-~]*)\t([ -~]*)$/.exec(
      line,
    );
  if (match === null) return undefined;
  const [, letter, mode = "", uid, gid, mtime, size, sha256 = "", path = "", target = "", attributes = ""] = match;
  const type = TYPES.find((each) => LETTERS[each] === letter);
  if (type === undefined) return undefined;
  return {
    path: unescapeBytes(path),
    type,
    mode: Number.parseInt(mode, 8),
    uid: Number(uid),
    gid: Number(gid),
    mtime: Number(mtime),
    size: Number(size),
    sha256,
    target: unescapeBytes(target),
    attributes:
      attributes === ""
        ? []
        : attributes.split(" ").map((word): Attribute => {
            const cut = word.lastIndexOf("=");
            return [unescapeBytes(word.slice(0, cut)), Buffer.from(word.slice(cut + 1), "hex").toString("latin1")];
          }),
  };
}

const TYPES = ["file", "folder", "link", "fifo", "whiteout"] as const;

/** @throws where a line is none of a list: the caller says that the list was changed */
export function* readList(text: string): Generator<ListedEntry> {
  const lines = text.split("\n");
  if (lines.shift() !== LIST_HEAD || lines.pop() !== "") throw new Error("no list of files");
  for (const line of lines) {
    const entry = readEntry(line);
    if (entry === undefined) throw new Error(`no line of a list of files: ${line.slice(0, 200)}`);
    yield entry;
  }
}

/** The few files of a long list that have one of those contents; what is no line of a list is passed over. */
export function* readFilesWith(text: string, contents: ReadonlySet<string>): Generator<ListedEntry> {
  for (const { 1: sha256 = "", index } of text.matchAll(/\t([0-9a-f]{64})\t/g)) {
    if (!contents.has(sha256)) continue;
    const entry = readEntry(text.slice(text.lastIndexOf("\n", index) + 1, text.indexOf("\n", index)));
    if (entry?.type === "file" && entry.size > 0 && entry.sha256 === sha256) yield entry;
  }
}

/** Files with the same key can be one file on the disk. */
export function linkKey({ sha256, mode, uid, gid, mtime, size, attributes }: ListedEntry): string {
  return JSON.stringify([sha256, size, mode, uid, gid, mtime, attributes]);
}

export function escapeBytes(bytes: string): string {
  return bytes.replaceAll(/[^!-[\]-~]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

function unescapeBytes(text: string): string {
  return text.replaceAll(/\\x([0-9a-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}

function hex(bytes: string): string {
  return Buffer.from(bytes, "latin1").toString("hex");
}
