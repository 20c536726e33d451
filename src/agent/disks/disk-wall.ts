/**
 * The compartment in which qemu-img works on the disks of an instance: their folder, this host's /usr, and nothing else.
 *
 * Whoever has broken out of a machine could have written what is in that folder, so its files are a stranger's: qemu-img is
 * told the format, follows no name of a file below, and has no network, no right, and no other file to find. Pure.
 */
import type { HostFacts } from "../../model/index.ts";
import type { Argv, Environment } from "../../step/index.ts";

export type SnapshotAct = "snapshot" | "restore" | "forget";

/** Of qemu-img(1). */
const OPTIONS = { snapshot: "-c", restore: "-a", forget: "-d" } as const;

const INSIDE = "/disks";

export const DISK_WALL_ENVIRONMENT: Environment = { PATH: "/usr/bin:/bin", LC_ALL: "C.UTF-8" };

/**
 * @param folder - with the instance's own disks
 * @param disk - name of one
 * @param label - one that can be no option and no number, by which QEMU would know snapshots as well
 */
export function diskWall(
  {
    folder,
    disk,
    act,
    label,
  }: { readonly folder: string; readonly disk: string; readonly act: SnapshotAct; readonly label: string },
  { programs, uid, gid }: HostFacts,
): Argv {
  const file = { driver: "file", filename: `${INSIDE}/${disk}.qcow2` };
  return [
    programs["bwrap"]?.path ?? "/usr/bin/bwrap",
    ...["--unshare-all", "--unshare-user", "--disable-userns", "--uid", String(uid), "--gid", String(gid)],
    ...["--cap-drop", "ALL", "--die-with-parent", "--new-session", "--hostname", "disks", "--clearenv"],
    ...Object.entries(DISK_WALL_ENVIRONMENT).flatMap(([name, value]) => ["--setenv", name, value]),
    ...["--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib"],
    ...["--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev"],
    ...["--bind", folder, INSIDE, "--remount-ro", "/", "--chdir", "/", "--"],
    ...[programs["qemu-img"]?.path ?? "/usr/bin/qemu-img", "snapshot", OPTIONS[act], label],
    `json:${JSON.stringify({ driver: "qcow2", file, backing: null })}`,
  ];
}
