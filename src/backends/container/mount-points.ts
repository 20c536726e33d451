/**
 * The mount-point layer: a layer on top of the image that holds an empty folder or file for every mount.
 *
 * The image's root is read-only, so bubblewrap can make no mount points in it; and an image is foreign: a link in it
 * where a mount belongs would lead the mount elsewhere. A real folder in the topmost layer hides such a link.
 */
import { createHash } from "node:crypto";
import type { Places } from "../../model/index.ts";
import type { Step } from "../../step/index.ts";

export interface MountPoint {
  readonly path: string;
  readonly type: "folder" | "file";
}

/** Layers with the same mount points are the same layer, and shared. */
export function mountPointLayer(
  points: readonly MountPoint[],
  places: Places,
): { readonly path: string; readonly steps: readonly Step[] } {
  const sorted = points.toSorted((left, right) => (left.path < right.path ? -1 : 1));
  const key = createHash("sha256").update(JSON.stringify(sorted)).digest("hex").slice(0, 32);
  const path = `${places.data}/store/mount-points/${key}`;
  const folders = new Set<string>();
  for (const point of sorted) {
    const parts = point.path.slice(1).split("/");
    const depth = point.type === "folder" ? parts.length : parts.length - 1;
    for (let count = 1; count <= depth; count++) folders.add(`${path}/${parts.slice(0, count).join("/")}`);
  }
  return {
    path,
    steps: [
      { kind: "make-folder", path, mode: 0o755 },
      ...[...folders].map((folder): Step => ({ kind: "make-folder", path: folder, mode: 0o755 })),
      ...sorted
        .filter(({ type }) => type === "file")
        .map((point): Step => {
          const file = { path: path + point.path, mode: 0o444, content: "" };
          return { kind: "write-file", ...file, namedByContent: true };
        }),
    ],
  };
}
