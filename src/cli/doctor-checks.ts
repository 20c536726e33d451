/**
 * Doctor's checks: what this host's facts mean for Skerry, and what mends it. Pure.
 *
 * `missing` means that apps cannot run; `weaker` that they run with less than Skerry can promise elsewhere.
 */
import {
  type DebianPackage,
  type HelperState,
  type NamespaceBan,
  RANGE_SIZE,
  supportOf,
  whyEmulated,
} from "../host/index.ts";
import type { HostFacts } from "../model/index.ts";

export interface Check {
  readonly name: string;
  readonly state: "ok" | "weaker" | "missing";
  /** What was found, and what it means. */
  readonly meaning: string;
  /** The command that mends it; undefined where all is well, or nothing can be done. */
  readonly mend: string | undefined;
}

export interface DoctorSigns {
  readonly facts: HostFacts;
  readonly missing: readonly DebianPackage[];
  readonly helper: HelperState;
  /** Of images whose base is not supported any more, one sentence each. */
  readonly aging: readonly string[];
}

export function doctorChecks({ facts, missing, helper, aging }: DoctorSigns): readonly Check[] {
  return [
    checkDistribution(facts),
    checkPackages(missing),
    checkNamespaces(facts),
    checkOverlay(facts),
    checkIds(facts),
    checkSeccomp(facts),
    checkNetwork(facts),
    checkMachines(facts),
    ...(["memory", "tasks", "cpu"] as const).map((limit) => checkLimit(facts, limit)),
    checkFreeze(facts),
    checkLandlock(facts),
    ...checkHelper(helper),
    checkBases(aging),
  ];
}

/** Apps can run here, if perhaps with less. */
export function canRun(checks: readonly Check[]): boolean {
  return checks.every(({ state }) => state !== "missing");
}

function ok(name: string, meaning: string): Check {
  return { name, state: "ok", meaning, mend: undefined };
}

function checkDistribution({ distribution, kernel, architecture }: HostFacts): Check {
  const name = "system";
  const here = `${distribution}, kernel ${kernel}, ${architecture}`;
  const meaning: Readonly<Record<ReturnType<typeof supportOf>, string>> = {
    tested: `${here}: tested.`,
    untested: `${here}: untested; Debian 12 and 13 are tested. Its packages have the same names.`,
    unknown: `${here}: unknown; Debian 12 and 13 are tested. Setup can only list what is needed.`,
  };
  const support = supportOf(distribution);
  return support === "tested"
    ? ok(name, meaning.tested)
    : { name, state: "weaker", meaning: meaning[support], mend: undefined };
}

function checkPackages(missing: readonly DebianPackage[]): Check {
  if (missing.length === 0) return ok("packages", "all programs that Skerry needs are here.");
  const list = missing.map(({ name, purpose }) => `${name} (to ${purpose})`).join(", ");
  const state = missing.every(({ optional }) => optional === true) ? "weaker" : "missing";
  return { name: "packages", state, meaning: `not here: ${list}.`, mend: "skerry setup" };
}

function setSwitch(key: string, value: string): string {
  return `echo '${key} = ${value}' | sudo tee /etc/sysctl.d/60-skerry.conf && sudo sysctl --system`;
}

/** The types keep this table whole: a new ban does not compile until it is explained. */
const BANS: Readonly<Record<NamespaceBan, { readonly meaning: string; readonly mend: string | undefined }>> = {
  "no-unshare": { meaning: "the program unshare is missing, so they cannot be tried.", mend: "skerry setup" },
  kernel: { meaning: "this kernel was built without them. Another kernel is needed.", mend: undefined },
  apparmor: {
    meaning:
      "AppArmor forbids them to ordinary users here, as Ubuntu has it since 23.10. To lift the ban allows them to all programs of this host.",
    mend: setSwitch("kernel.apparmor_restrict_unprivileged_userns", "0"),
  },
  sysctl: {
    meaning:
      "a switch of this kernel forbids them to ordinary users. To turn it allows them to all programs of this host.",
    mend: setSwitch("kernel.unprivileged_userns_clone", "1"),
  },
  limit: {
    meaning: "their number is limited to 0 on this host.",
    mend: setSwitch("user.max_user_namespaces", "15000"),
  },
  container: {
    meaning: "Skerry runs inside a container that forbids them. The container must be started with more rights.",
    mend: "docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined …",
  },
  unknown: {
    meaning: "the kernel refuses them, and nothing on this host says why. This shows the kernel's own words:",
    mend: "unshare --user --map-root-user --mount true",
  },
};

function checkNamespaces({ userNamespaces }: HostFacts): Check {
  const name = "user namespaces";
  if (userNamespaces.works) return ok(name, "they can be made: the wall stands.");
  // An override may hold any word.
  const ban = Object.entries(BANS).find(([key]) => key === userNamespaces.because)?.[1] ?? BANS.unknown;
  return { name, state: "missing", meaning: `without them there is no wall: ${ban.meaning}`, mend: ban.mend };
}

function checkOverlay({ overlay, userNamespaces }: HostFacts): Check {
  const name = "overlays";
  if (overlay) return ok(name, "layers can be laid over each other without root.");
  return {
    name,
    state: "missing",
    meaning: userNamespaces.works
      ? "this kernel lays no overlays in a user namespace (Linux 5.11 or newer does), so no image can be put together."
      : "not to be tried without user namespaces.",
    mend: userNamespaces.works ? "sudo modprobe overlay" : undefined,
  };
}

function checkIds({ subordinateIds, user }: HostFacts): Check {
  const name = "user ids";
  const least = Math.min(subordinateIds?.uid.count ?? 0, subordinateIds?.gid.count ?? 0);
  if (least >= RANGE_SIZE) return ok(name, `${user} has a range of them, so packages can be installed without root.`);
  return {
    name,
    state: "missing",
    meaning:
      least === 0
        ? `${user} has no range of them in /etc/subuid and /etc/subgid, so packages cannot be installed without root.`
        : `${user}'s range has only ${least} of the ${RANGE_SIZE} that packages may use.`,
    mend: "skerry setup",
  };
}

function checkSeccomp({ seccomp }: HostFacts): Check {
  const name = "system call filter";
  if (seccomp) return ok(name, "the kernel has it (seccomp).");
  return { name, state: "missing", meaning: "this kernel has no seccomp. Another kernel is needed.", mend: undefined };
}

function checkNetwork({ tun }: HostFacts): Check {
  const name = "network";
  if (tun) return ok(name, "apps can be given the network.");
  return {
    name,
    state: "weaker",
    meaning: "/dev/net/tun cannot be opened: an app whose deployment grants it the network is refused; all others run.",
    mend: "sudo modprobe tun && sudo chmod 0666 /dev/net/tun",
  };
}

function checkMachines({ programs, architecture, accelerator, uid, user }: HostFacts): Check {
  const name = "virtual machines";
  if (architecture !== "amd64")
    return { name, state: "weaker", meaning: `isolation: vm is tried on amd64 only.`, mend: undefined };
  const packages = [
    ...(programs["qemu-system-x86_64"] === undefined ? ["qemu-system-x86"] : []),
    ...(programs["mkfs.erofs"] === undefined ? ["erofs-utils"] : []),
  ];
  const emulated = whyEmulated(accelerator);
  if (packages.length === 0 && emulated === undefined)
    return ok(name, "isolation: vm can be used, with this host's own processor (KVM).");
  if (packages.length === 0) {
    const meaning = `isolation: vm can be used; the machine's processor is emulated, many times slower: ${emulated}.`;
    const opens = uid === 0 ? "chmod 0666 /dev/kvm" : `sudo usermod -aG kvm ${user}`;
    return { name, state: "ok", meaning, mend: accelerator.because === "closed" ? opens : undefined };
  }
  return {
    name,
    state: "weaker",
    meaning: `not here: ${packages.join(", ")}. Without, isolation: vm is refused; containers need nothing of it.`,
    mend: `sudo apt-get install --no-install-recommends ${packages.join(" ")}`,
  };
}

function checkLimit(facts: HostFacts, limit: "memory" | "tasks" | "cpu"): Check {
  const name = `limit of ${limit}`;
  if (facts.cgroup[limit] !== undefined) return ok(name, `enforced through ${facts.cgroup[limit]}.`);
  if (facts.systemd.user) return ok(name, "enforced through the user's systemd.");
  if (limit === "tasks") return ok(name, "enforced by a resource limit that counts in the app's own user namespace.");
  return {
    name,
    state: "weaker",
    meaning: `${facts.user} may make no control group that enforces it: a start with a written limit is refused, unless it is accepted with --accept-weaker=${limit}.`,
    mend: facts.systemd.system ? `sudo loginctl enable-linger ${facts.user}` : undefined,
  };
}

function checkFreeze({ cgroup, systemd }: HostFacts): Check {
  const name = "freeze";
  if (cgroup.freeze !== undefined || systemd.user) return ok(name, "all of an app can be stopped at once.");
  return {
    name,
    state: "weaker",
    meaning: "no control group can be made: freeze stops an app's processes one by one, by signals.",
    mend: undefined,
  };
}

function checkLandlock({ landlockAbi }: HostFacts): Check {
  const name = "landlock";
  if (landlockAbi > 0) return ok(name, `the kernel has it (ABI ${landlockAbi} or newer).`);
  return {
    name,
    state: "weaker",
    meaning: "nothing says that the kernel has it. The wall does not stand on it.",
    mend: undefined,
  };
}

function checkBases(aging: readonly string[]): Check {
  const name = "bases";
  if (aging.length === 0) return ok(name, "those of all images are supported.");
  return { name, state: "weaker", meaning: `${aging.join(".\n")}.`, mend: undefined };
}

function checkHelper(helper: HelperState): readonly Check[] {
  const name = "helper program";
  if (helper.kind === "no-sources") return [];
  if (helper.kind === "built") return [ok(name, "built from the sources that are here.")];
  return [
    {
      name,
      state: "missing",
      meaning: helper.writable
        ? "not built, or older than its sources."
        : "not built, or older than its sources, in a folder that is not yours: its owner must run setup.",
      mend: "skerry setup",
    },
  ];
}
