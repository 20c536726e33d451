/**
 * A folder granted as `copy`: the real one below, read only, and a folder of the instance's own above it (overlayfs).
 *
 * The overlay is mounted in the helper's namespaces by mount(8), as the app's user: so what the app writes belongs to that
 * user, and what that user could not read in the real folder stays closed. Started by root, the lower folder is one that
 * the helper shows under the app's user; the upper one belongs to it.
 *
 * Invariants
 * - Nothing is ever written below `source`: it is a lower layer, and overlayfs does not write those.
 * - Of the upper folder the app sees what the overlay makes of it, and nothing else: it is bound nowhere.
 */
import { type CompartmentSpec, COPY_UPPER, COPY_WORK, type Contribution, copyFolder } from "../../model/index.ts";
import type { Step } from "../../step/index.ts";
import type { BackendContext } from "../backend.ts";

export interface CopiedFolder {
  readonly steps: readonly Step[];
  /** The helper's arguments. */
  readonly mounted: readonly string[];
  /** Where the overlay is, for bubblewrap to bind. */
  readonly merged: string;
}

/**
 * @param folder - of this start alone, for the mounts
 * @param staged - where the helper shows the source under the app's user, from `folder` on; undefined where nobody
 *   else's rights are needed
 */
export function copiedFolder(
  { request, source }: Extract<Contribution, { kind: "copy" }>,
  { name, user }: CompartmentSpec,
  folder: string,
  staged: string | undefined,
  { places, facts }: BackendContext,
): CopiedFolder {
  const own = copyFolder(places, name, request);
  const merged = `${folder}/merged`;
  const mount = facts.programs["mount"]?.path ?? "/usr/bin/mount";
  // The user of an allocated id must pass them, and nobody else may look around in them.
  const passed = user.allocated ? 0o711 : 0o700;
  const owner = user.allocated ? { owner: { uid: user.uid, gid: user.gid } } : {};
  const options = `nosuid,nodev,userxattr,lowerdir=${staged ?? "lower"},upperdir=own/${COPY_UPPER},workdir=own/${COPY_WORK}`;
  return {
    steps: [
      ...[`${places.data}/copies`, `${places.data}/copies/${name}`, own].map(
        (path): Step => ({ kind: "make-folder", path, mode: passed }),
      ),
      ...[COPY_UPPER, COPY_WORK].map(
        (part): Step => ({ kind: "make-folder", path: `${own}/${part}`, mode: 0o700, ...owner }),
      ),
      ...["", "/lower", "/own", "/merged"].map(
        (part): Step => ({ kind: "make-folder", path: folder + part, mode: 0o755 }),
      ),
    ],
    mounted: [
      ...(staged === undefined ? ["--inside", mount, "--bind", source, `${folder}/lower`, ";"] : []),
      ...["--inside", mount, "--bind", own, `${folder}/own`, ";"],
      // The app can read the overlay's options. They are names in one folder, so that they tell nothing of the host, and
      // no path of the owner's is taken for an option.
      ...[
        "--inside",
        "/usr/bin/env",
        `--chdir=${folder}`,
        mount,
        "-t",
        "overlay",
        "-o",
        options,
        "skerry",
        merged,
        ";",
      ],
    ],
    merged,
  };
}
