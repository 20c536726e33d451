/**
 * Canonical form of a layer's tree: what its digest is the SHA-256 of, byte for byte what `images export` writes.
 *
 * - A tar archive (write-tar.ts), entries in the order of a walk, in each folder sorted by bytes.
 * - Owners are those inside the namespace of a build, so they depend on nobody's range of subordinate ids.
 * - Times are whole seconds; the build has set what it made itself to one fixed time.
 * - Hard links are written as files: which of equal files share their blocks is the store's business.
 * - What hides a lower file is written as OCI's layers have it: an empty file `.wh.NAME`, in a replaced folder
 *   `.wh..wh..opq`.
 *
 * Source: OCI image specification, "Image Layer Filesystem Changeset".
 */
import { unreachable } from "../../result.ts";
import type { TreeEntry } from "./entry.ts";
import type { TarHead } from "./read-tar.ts";
import type { TarMember } from "./write-tar.ts";

/** Beginning of a name by which an archive hides a lower file. */
export const HIDES = ".wh.";

/** Name of the file that says that all of a lower folder is hidden. */
export const HIDES_ALL = ".wh..wh..opq";

/** By which overlayfs says the same (mount option userxattr). */
const OPAQUE = "SCHILY.xattr.user.overlay.opaque";

/** What tar(1) said of one file of a tree. @returns words where it has no canonical form */
export function entryOf(head: TarHead): TreeEntry | string {
  const path = head.name === "./" ? "." : head.name.replace(/^\.\//, "").replace(/\/$/, "");
  const base = path.slice(path.lastIndexOf("/") + 1);
  if (base.startsWith(HIDES)) return "a name that begins with .wh., which hides files in an archive";
  const { mode, uid, gid, mtime, size, target, attributes } = head;
  const rest = { path, mode, uid, gid, mtime, size, target, attributes };
  switch (head.type) {
    case "file":
    case "folder":
    case "link":
    case "fifo":
      return { ...rest, type: head.type };
    case "char":
      if (head.device[0] !== 0 || head.device[1] !== 0) return "a device node";
      // Only that it is there means anything.
      return { path, type: "whiteout", mode: 0, uid: 0, gid: 0, mtime: 0, size: 0, target: "", attributes: [] };
    case "block":
      return "a device node";
    case "hard-link":
      return "a hard link";
    default:
      return unreachable(head.type);
  }
}

/** What stands in the archive for one entry: the entry, and behind a folder that hides all below it, the mark of that. */
export function membersOf(entry: TreeEntry): readonly TarMember[] {
  const { path, type, attributes } = entry;
  if (type === "whiteout") {
    const cut = path.lastIndexOf("/") + 1;
    return [mark(`${path.slice(0, cut)}${HIDES}${path.slice(cut)}`)];
  }
  const member: TarMember = {
    ...entry,
    type,
    name: path,
    attributes: attributes.filter(([name]) => name !== OPAQUE),
  };
  return isOpaque(entry) ? [member, mark(path === "." ? HIDES_ALL : `${path}/${HIDES_ALL}`)] : [member];
}

export function isOpaque({ type, attributes }: TreeEntry): boolean {
  return type === "folder" && attributes.some(([name, value]) => name === OPAQUE && value === "y");
}

function mark(name: string): TarMember {
  return { name, type: "file", mode: 0o644, uid: 0, gid: 0, mtime: 0, size: 0, target: "", attributes: [] };
}
