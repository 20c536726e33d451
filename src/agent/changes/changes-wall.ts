/**
 * The compartment in which an app's changes are looked at and applied: the two trees, Skerry's own program, nothing else.
 *
 * No network, no other process, no other file of the host's but its /usr, read only. As an ordinary user the program has
 * that user's rights, and may pass what the app has shut to itself; as root it needs what it takes to read what belongs
 * to the app's user and to give what it makes to the owner of the real folder, and has no more than that. Pure.
 */
import type { HostFacts, Places } from "../../model/index.ts";
import type { Argv, Environment } from "../../step/index.ts";

export interface ChangesWall {
  /** The copy's own folder. */
  readonly own: string;
  /** The real folder. */
  readonly real: string;
  /** What of the two may be written. */
  readonly writes: "nothing" | "copy" | "both";
  /** Skerry's own folders below the real one, relative to it. */
  readonly hidden: readonly string[];
}

/** Where Node and Skerry's sources lie inside. */
const PROGRAM = "/skerry";

export const WALL_ENVIRONMENT: Environment = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8" };

export function changesWall(
  { own, real, writes, hidden }: ChangesWall,
  facts: HostFacts,
  places: Places,
  node: string,
): Argv {
  const bwrap = facts.programs["bwrap"]?.path ?? "/usr/bin/bwrap";
  const bind = (may: boolean) => (may ? "--bind" : "--ro-bind");
  return [
    bwrap,
    ...(facts.uid === 0 ? ROOTS_RIGHTS : usersRights(facts)),
    ...["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--die-with-parent", "--new-session"],
    ...["--hostname", "changes", "--clearenv"],
    ...Object.entries(WALL_ENVIRONMENT).flatMap(([name, value]) => ["--setenv", name, value]),
    ...["--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/sbin", "/sbin"],
    ...["--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64"],
    // Where root works, root's number alone would open the kernel's settings.
    ...["--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"],
    ...["--ro-bind", node, `${PROGRAM}/node`, "--ro-bind", `${places.program}/src`, `${PROGRAM}/src`],
    ...["--ro-bind", `${places.program}/package.json`, `${PROGRAM}/package.json`],
    ...[bind(writes !== "nothing"), own, "/copy", bind(writes === "both"), real, "/real"],
    ...hidden.flatMap((place) => ["--perms", "0555", "--size", "4096", "--tmpfs", `/real/${place}`]),
    ...hidden.flatMap((place) => ["--remount-ro", `/real/${place}`]),
    ...["--remount-ro", "/", "--chdir", "/", "--"],
    ...[`${PROGRAM}/node`, "--disable-warning=ExperimentalWarning", `${PROGRAM}/src/host/changes/main.ts`],
  ];
}

const ROOTS_RIGHTS = [
  ...["--cap-drop", "ALL", "--cap-add", "CAP_DAC_OVERRIDE", "--cap-add", "CAP_CHOWN", "--cap-add", "CAP_FOWNER"],
] as const;

/** In a user namespace in which nobody else exists, this right reaches the user's own files and no others. */
function usersRights({ uid, gid }: HostFacts): readonly string[] {
  return [
    ...["--unshare-user", "--disable-userns", "--uid", String(uid), "--gid", String(gid)],
    ...["--cap-drop", "ALL", "--cap-add", "CAP_DAC_OVERRIDE"],
  ];
}

/** A name as it is on the disk, with one character for each byte, and as a person reads it. */
export function toBytes(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

export function toText(bytes: string): string {
  return Buffer.from(bytes, "latin1").toString("utf8");
}
