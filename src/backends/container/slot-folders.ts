/**
 * Slots: places over which a folder is shown, and taken away again, while the app runs (mount_namespaces(7)).
 *
 * In the helper's namespaces the folder of all slots is a mount that hands on to its copies what is mounted in it.
 * bubblewrap's copy of one slot is such a copy: what is mounted on the slot outside appears on it inside, below what
 * bubblewrap itself has put there for the start.
 *
 * Invariants
 * - Nothing is handed on in the other direction, nor to another compartment: each start has its own such mount.
 * - A slot is read-only, and nobody may look into it.
 */
import type { Places } from "../../model/index.ts";
import type { Step } from "../../step/index.ts";

export interface SlotFolders {
  readonly path: string;
  readonly steps: readonly Step[];
  /** The helper's arguments, once for each start. */
  mounted(mount: string): readonly string[];
}

/** @param allocated - the app's user is another one, who must pass the folder of all slots */
export function slotFolders(places: Places, request: string, allocated: boolean): SlotFolders {
  const all = `${places.runtime}/slots`;
  return {
    path: `${all}/${request}`,
    steps: [
      { kind: "make-folder", path: all, mode: allocated ? 0o711 : 0o700 },
      { kind: "make-folder", path: `${all}/${request}`, mode: 0 },
    ],
    mounted: (mount) => ["--inside", mount, "--no-mtab", "--bind", "--make-shared", all, all, ";"],
  };
}
