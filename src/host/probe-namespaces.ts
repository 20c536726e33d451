/**
 * User namespaces and overlays, tried for real: what Skerry's wall and its builds stand on.
 *
 * A ban has several makers, and each is lifted in its own way; so where the trial fails, the reason is looked for.
 */
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import type { HostFacts } from "../model/index.ts";
import { runProgram } from "./run-program.ts";

/**
 * Why no user namespace can be made
 * - `no-unshare`: the program unshare(1) is missing, so nobody knows
 * - `kernel`: the kernel was built without them
 * - `apparmor`: Ubuntu's kernel.apparmor_restrict_unprivileged_userns
 * - `sysctl`: Debian's kernel.unprivileged_userns_clone is 0
 * - `limit`: user.max_user_namespaces is 0
 * - `container`: a container around us forbids it
 * - `unknown`
 */
export const NAMESPACE_BANS = ["no-unshare", "kernel", "apparmor", "sysctl", "limit", "container", "unknown"] as const;

export type NamespaceBan = (typeof NAMESPACE_BANS)[number];

/** A trial that takes longer than this has failed; it takes a few, and on a busy machine now and then seconds. */
const TRIAL_MS = 20_000;

type Programs = HostFacts["programs"];

export async function probeUserNamespaces(programs: Programs, uid: number): Promise<HostFacts["userNamespaces"]> {
  const unshare = programs["unshare"]?.path;
  if (unshare === undefined) return { works: false, because: "no-unshare" satisfies NamespaceBan };
  const trial = await runProgram([unshare, "--user", "--map-root-user", "--mount", "true"], { timeoutMs: TRIAL_MS });
  if (trial.ok && trial.value.code === 0) return { works: true, because: undefined };
  const read = async (path: string) => await readFile(path, "utf8").catch(() => undefined);
  return {
    works: false,
    because: banOf({
      uid,
      namespaceFile: await read("/proc/self/setgroups"),
      apparmor: await read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
      sysctl: await read("/proc/sys/kernel/unprivileged_userns_clone"),
      limit: await read("/proc/sys/user/max_user_namespaces"),
      containerSigns: [
        await read("/run/.containerenv"),
        await read("/.dockerenv"),
        await read("/run/systemd/container"),
      ],
      status: await read("/proc/self/status"),
    }),
  };
}

/** Contents of files that tell of a ban; undefined where there is no such file. */
export interface BanSigns {
  readonly uid: number;
  /** /proc/self/setgroups: there exactly where the kernel has user namespaces. */
  readonly namespaceFile: string | undefined;
  readonly apparmor: string | undefined;
  readonly sysctl: string | undefined;
  readonly limit: string | undefined;
  readonly containerSigns: readonly (string | undefined)[];
  /** proc_pid_status(5): a filter on our own system calls is a container's mark. */
  readonly status: string | undefined;
}

/** Who bans. The two switches concern unprivileged users only. */
export function banOf(signs: BanSigns): NamespaceBan {
  if (signs.namespaceFile === undefined) return "kernel";
  if (signs.limit?.trim() === "0") return "limit";
  if (signs.uid !== 0 && signs.sysctl?.trim() === "0") return "sysctl";
  if (signs.uid !== 0 && signs.apparmor?.trim() === "1") return "apparmor";
  const filtered = /^Seccomp:\s+2$/m.test(signs.status ?? "");
  return filtered || signs.containerSigns.some((sign) => sign !== undefined) ? "container" : "unknown";
}

/**
 * An overlay with a writable layer can be mounted in a user namespace.
 *
 * @param folder - where the trial's folders are made, since some file systems cannot hold a writable layer
 */
export async function probeOverlay(programs: Programs, folder: string = tmpdir()): Promise<boolean> {
  const [unshare, mount] = [programs["unshare"]?.path, programs["mount"]?.path];
  if (unshare === undefined || mount === undefined) return false;
  const work = await mkdtemp(`${folder}/skerry-probe-`).catch(() => undefined);
  // A colon or a comma would mean something else in the mount's options.
  if (work === undefined || /[:,\\]/.test(work)) return false;
  try {
    for (const part of ["lower", "upper", "work", "all"]) await mkdir(`${work}/${part}`);
    const options = `lowerdir=${work}/lower,upperdir=${work}/upper,workdir=${work}/work,userxattr`;
    const trial = await runProgram(
      [
        unshare,
        "--user",
        "--map-root-user",
        "--mount",
        mount,
        "-t",
        "overlay",
        "-o",
        options,
        "overlay",
        `${work}/all`,
      ],
      { timeoutMs: TRIAL_MS },
    );
    return trial.ok && trial.value.code === 0;
  } finally {
    // The kernel leaves a folder without any permission in the work folder; it is empty and ours.
    await rm(work, { recursive: true, force: true }).catch(() => {});
  }
}

const TPROXY_RULES = `table inet probe {
  chain arriving {
    type filter hook prerouting priority mangle;
    meta nfproto ipv4 meta l4proto tcp tproxy ip to 127.0.0.1:1
    meta nfproto ipv6 meta l4proto tcp tproxy ip6 to [::1]:1
    socket wildcard 0 accept
  }
}
`;

/** nftables can do in a network namespace what a network by rules stands on; the namespace is gone afterwards. */
export async function probeTproxy(programs: Programs): Promise<boolean> {
  const [unshare, nft] = [programs["unshare"]?.path, programs["nft"]?.path];
  if (unshare === undefined || nft === undefined) return false;
  const trial = await runProgram([unshare, "--user", "--map-root-user", "--net", nft, "-f", "-"], {
    input: TPROXY_RULES,
    timeoutMs: TRIAL_MS,
  });
  return trial.ok && trial.value.code === 0;
}
