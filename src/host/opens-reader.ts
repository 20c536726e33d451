/**
 * Opens reader: what inotifywait(1) prints, as things that were done below a folder. Bytes in, values out; pure.
 *
 * It is told to print `PATH NUL EVENTS NUL`, since a name may hold a line break. File names are others' words: whatever they
 * are, they are read as one name, and what cannot be read is said.
 */

/** Paths are relative to the watched folder; `""` is that folder. A part that is no UTF-8 ends with a NUL. */
export interface OpensEvent {
  readonly kind: "read" | "list" | "change";
  readonly path: string;
}

export type OpensSeen =
  | { readonly kind: "event"; readonly event: OpensEvent }
  /** The mark was opened: all that came before it has been read. */
  | { readonly kind: "mark" }
  | { readonly kind: "unreadable" };

/** A path of Linux has at most 4,096 bytes, and the events of one line some hundred. */
const FIELD_BYTES = 16_384;

const CHANGES = new Set(["MODIFY", "ATTRIB", "CLOSE_WRITE", "MOVED_FROM", "MOVED_TO", "CREATE", "DELETE"]);

/** Events of a watch itself: nothing was done. */
const QUIET = new Set(["IGNORED", "CLOSE", "ISDIR", "DELETE_SELF", "MOVE_SELF", "UNMOUNT", "CLOSE_NOWRITE", "ACCESS"]);

export class OpensReader {
  readonly #root: string;
  readonly #mark: string;
  #rest: Buffer = Buffer.alloc(0);
  #path: Buffer | undefined;

  /**
   * @param root - of the watched folder, absolute
   * @param mark - of a file in another watched folder, absolute
   */
  constructor(root: string, mark: string) {
    this.#root = root;
    this.#mark = mark;
  }

  push(piece: Buffer): readonly OpensSeen[] {
    let bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    const seen: OpensSeen[] = [];
    for (let end = bytes.indexOf(0); end >= 0; end = bytes.indexOf(0)) {
      const field = bytes.subarray(0, end);
      bytes = bytes.subarray(end + 1);
      if (this.#path === undefined) {
        this.#path = Buffer.from(field);
        continue;
      }
      const one = this.#seenAt(this.#path, field.toString("latin1"));
      this.#path = undefined;
      if (one !== undefined) seen.push(one);
    }
    if (bytes.length > FIELD_BYTES) {
      bytes = Buffer.alloc(0);
      seen.push({ kind: "unreadable" });
    }
    this.#rest = Buffer.from(bytes);
    return seen;
  }

  #seenAt(path: Buffer, words: string): OpensSeen | undefined {
    const names = words.split(",");
    const kind = kindOf(names);
    if (kind === "none") return undefined;
    const text = textOf(path);
    if (kind === "unreadable") return { kind };
    if (text === this.#mark) return kind === "read" ? { kind: "mark" } : undefined;
    // The folder that the mark lies in.
    if (this.#mark.startsWith(`${text}/`) && !isBelow(text, this.#root)) return undefined;
    if (!isBelow(text, this.#root)) return { kind: "unreadable" };
    const below = text.slice(this.#root === "/" ? 1 : this.#root.length + 1);
    return { kind: "event", event: { kind, path: below } };
  }
}

function kindOf(names: readonly string[]): OpensEvent["kind"] | "none" | "unreadable" {
  if (names.some((name) => !QUIET.has(name) && !CHANGES.has(name) && name !== "OPEN")) return "unreadable";
  if (names.some((name) => CHANGES.has(name))) return "change";
  if (!names.includes("OPEN")) return "none";
  return names.includes("ISDIR") ? "list" : "read";
}

/** Without the slash that a folder's own events end with. */
function textOf(path: Buffer): string {
  const text = path
    .toString("latin1")
    .split("/")
    .map((part) => partText(Buffer.from(part, "latin1")))
    .join("/");
  return text.length > 1 && text.endsWith("/") ? text.slice(0, -1) : text;
}

function partText(part: Buffer): string {
  const text = part.toString("utf8");
  return Buffer.from(text, "utf8").equals(part) ? text : `${text}\0`;
}

function isBelow(path: string, root: string): boolean {
  return path === root || path.startsWith(root === "/" ? "/" : `${root}/`);
}
