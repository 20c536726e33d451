/**
 * Layer rules: what an entry of a stranger's layer may be, and what it becomes. Pure; entries come in their order.
 *
 * Invariants
 * - What is let through lies below the root by its own name alone: each folder on its way is a folder of this layer, or
 *   becomes one here. No link is ever followed, so no order of entries writes anywhere else.
 * - What gives a right or is no plain content is refused, or taken off and counted.
 *
 * Source: OCI image specification, "Image Layer Filesystem Changeset".
 */
import { isCleanRelativePath } from "../../model/index.ts";
import { unreachable } from "../../result.ts";
import { HIDES, HIDES_ALL } from "./canonical.ts";
import { type Attribute, escapeBytes, type TreeEntry } from "./entry.ts";
import { BadTar, type TarHead } from "./read-tar.ts";
import type { TarMember } from "./write-tar.ts";

/** What is known of the layers below. */
export type Below = ReadonlyMap<string, Pick<TreeEntry, "type" | "mode" | "uid" | "gid" | "mtime">>;

/** What was taken off, as counts. */
export interface TakenOff {
  rights: number;
  attributes: number;
}

/** What namespaces of a build hold. */
const MAX_ID = 65535;

/** Outside of these no file system keeps it. */
const TIMES = { first: -(2 ** 31), last: 2 ** 33 };

const MAX_DEPTH = 200;

const OPAQUE: Attribute = ["SCHILY.xattr.user.overlay.opaque", "y"];

type Known = "file" | "folder" | "implied" | "link" | "whiteout";

export class LayerRules {
  readonly takenOff: TakenOff = { rights: 0, attributes: 0 };
  /** Folders of which the layer says that nothing below shines through. */
  readonly opaque = new Set<string>();
  readonly #known = new Map<string, Known>();
  readonly #below: Below;
  readonly #isLowest: boolean;
  readonly #opaqueBefore: ReadonlySet<string>;

  /** @param opaqueBefore - from a first reading: a folder is written before the mark in it comes */
  constructor(below: Below, isLowest: boolean, opaqueBefore: ReadonlySet<string> = new Set()) {
    this.#below = below;
    this.#isLowest = isLowest;
    this.#opaqueBefore = opaqueBefore;
  }

  /**
   * @returns what is to be written for the entry: folders that nobody named, then the entry itself
   * @throws BadTar, with the entry's name, where it cannot be let in
   */
  admit(head: TarHead): readonly TarMember[] {
    const refuse = (because: string): never => {
      throw new BadTar(`${escapeBytes(head.name).slice(0, 500)}: ${because}`);
    };
    const path = pathOf(head.name, refuse);
    if (head.uid > MAX_ID || head.gid > MAX_ID) refuse(`it belongs to a number above ${MAX_ID}`);
    if (head.mtime < TIMES.first || head.mtime > TIMES.last) refuse("no disk can keep its time");
    if (path === ".") {
      if (head.type !== "folder") refuse("the root is no folder");
      return [this.#folder(".", head, refuse)];
    }
    const cut = path.lastIndexOf("/") + 1;
    const base = path.slice(cut);
    const parents = this.#parents(path, refuse);
    if (base.startsWith(HIDES)) return [...parents, ...this.#mark(path.slice(0, cut), base, head, refuse)];
    return [...parents, this.#plain(path, head, refuse)];
  }

  #plain(path: string, head: TarHead, refuse: Refuse): TarMember {
    switch (head.type) {
      case "folder":
        return this.#folder(path, head, refuse);
      case "file":
        this.#learn(path, "file", refuse);
        return this.#member(path, head, { type: "file", size: head.size });
      case "link":
        this.#learn(path, "link", refuse);
        if (head.target === "") refuse("a link to nothing");
        if (leadsOut(path, head.target)) refuse("a link that leads out of the image");
        return this.#member(path, head, { type: "link", target: head.target });
      case "hard-link": {
        const target = pathOf(head.target, () => refuse("a hard link that leads out of the image"));
        if (this.#known.get(target) !== "file") refuse("a hard link to what is no file before it in the same layer");
        this.#learn(path, "file", refuse);
        return this.#member(path, head, { type: "hard-link", target: `./${target}` });
      }
      case "fifo":
        return refuse("a named pipe");
      case "char":
      case "block":
        return refuse("a device node");
      default:
        return unreachable(head.type);
    }
  }

  #folder(path: string, head: TarHead, refuse: Refuse): TarMember {
    // A folder that was only implied gets its own words now.
    if (this.#known.get(path) === "implied") this.#known.delete(path);
    this.#learn(path, "folder", refuse);
    return this.#member(path, head, { type: "folder" });
  }

  /** What hides: one lower file, or all of a lower folder. */
  #mark(folder: string, base: string, head: TarHead, refuse: Refuse): readonly TarMember[] {
    if (head.type !== "file" || head.size !== 0) refuse("it begins with .wh. and is no empty file");
    if (base === HIDES_ALL) {
      const path = folder === "" ? "." : folder.slice(0, -1);
      if (this.opaque.has(path)) refuse("it is there twice");
      this.opaque.add(path);
      return [];
    }
    const name = base.slice(HIDES.length);
    if (!isCleanRelativePath(name) || name.startsWith(HIDES)) refuse("it begins with .wh. and names nothing");
    if (this.#isLowest) refuse("it hides a lower file, and nothing lies below");
    const path = `${folder}${name}`;
    this.#learn(path, "whiteout", refuse);
    return [{ ...NOTHING, name: `./${path}`, type: "char" }];
  }

  #parents(path: string, refuse: Refuse): readonly TarMember[] {
    const parts = path.split("/").slice(0, -1);
    if (parts.some((part) => part.startsWith(HIDES))) refuse("a folder that begins with .wh.");
    if (parts.length > MAX_DEPTH) refuse("it lies too deep");
    const missing: TarMember[] = [];
    for (const folder of [".", ...parts.map((_, index) => parts.slice(0, index + 1).join("/"))]) {
      const known = this.#known.get(folder);
      if (known === "folder" || known === "implied") continue;
      if (known !== undefined) refuse(`it lies below ${escapeBytes(folder)}, which is no folder in this layer`);
      const lower = this.#below.get(folder);
      if (lower !== undefined && lower.type !== "folder")
        refuse(`it lies below ${escapeBytes(folder)}, which is no folder in the layers below`);
      this.#known.set(folder, "implied");
      const { mode, uid, gid, mtime } = lower ?? { mode: 0o755, uid: 0, gid: 0, mtime: 0 };
      const attributes = this.#opaqueBefore.has(folder) ? [OPAQUE] : [];
      missing.push({ ...NOTHING, name: nameOf(folder), type: "folder", mode, uid, gid, mtime, attributes });
    }
    return missing;
  }

  #learn(path: string, what: Known, refuse: Refuse): void {
    if (this.#known.has(path)) refuse("it is there twice");
    this.#known.set(path, what);
  }

  #member(path: string, head: TarHead, what: Pick<TarMember, "type"> & Partial<TarMember>): TarMember {
    const { uid, gid, mtime } = head;
    const kept = head.attributes.filter(([name]) => /^SCHILY\.xattr\.user\.(?!overlay\.)./.test(name));
    this.takenOff.attributes += head.attributes.length - kept.length;
    const setId = what.type !== "folder" && (head.mode & 0o6000) !== 0;
    if (setId) this.takenOff.rights++;
    const mode = setId ? head.mode & 0o1777 : head.mode;
    const attributes = what.type === "folder" && this.#opaqueBefore.has(path) ? withOpaque(kept) : kept;
    return { ...NOTHING, name: nameOf(path), mode, uid, gid, mtime, attributes, ...what };
  }
}

type Refuse = (because: string) => never;

const NOTHING = { mode: 0, uid: 0, gid: 0, mtime: 0, size: 0, target: "", attributes: [] } as const;

function nameOf(path: string): string {
  return path === "." ? "." : `./${path}`;
}

function withOpaque(attributes: readonly Attribute[]): readonly Attribute[] {
  return [...attributes, OPAQUE].toSorted(([left], [right]) => (left < right ? -1 : 1));
}

/** `./usr/lib/` is `usr/lib`. What is not plain is refused and not made plain. */
function pathOf(name: string, refuse: Refuse): string {
  if (name.startsWith("/")) refuse("an absolute path");
  const path = name.replace(/^\.\//, "").replace(/\/$/, "");
  if (path === "" || path === ".") return ".";
  if (path.split("/").includes("..")) refuse("a path with ..");
  // By bytes: each character of a name here is one.
  if (path.split("/").some((part) => part === "" || part === "." || part.length > 255)) refuse("no plain path");
  return path;
}

/** A link upwards past the root. An absolute one stays in the image, whose root it begins at. */
function leadsOut(path: string, target: string): boolean {
  let depth = target.startsWith("/") ? 0 : path.split("/").length - 1;
  for (const part of target.split("/")) {
    if (part === "..") depth--;
    else if (part !== "" && part !== ".") depth++;
    if (depth < 0) return !target.startsWith("/");
  }
  return false;
}
