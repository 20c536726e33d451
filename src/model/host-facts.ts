/**
 * Host facts: what was found on this host, as plain data. host/probe.ts fills it; all else only reads.
 *
 * Every single fact can be overridden by the owner, so that a plan for another host can be looked at.
 */

export interface HostFacts {
  /** Release of the running kernel: `6.18.44`. */
  readonly kernel: string;
  /** Debian's word: `amd64`, `arm64`. */
  readonly architecture: string;
  /** ID and VERSION_ID of os-release(5): `debian 12`. */
  readonly distribution: string;
  /** Numeric ids of the user that Skerry runs as. */
  readonly uid: number;
  readonly gid: number;
  readonly user: string;
  /** Programs found, by name, with absolute path and version (undefined where it says none). */
  readonly programs: Readonly<Record<string, { readonly path: string; readonly version: string | undefined }>>;
  /** A user namespace with a mount in it can be made; if not, why, in a word of the list in host/probe.ts. */
  readonly userNamespaces: { readonly works: boolean; readonly because: string | undefined };
  /** First id and count of the user's ranges in subuid(5) and subgid(5); undefined where there is none. */
  readonly subordinateIds: { readonly uid: IdRange; readonly gid: IdRange } | undefined;
  /** Kernel overlay file system in a user namespace. */
  readonly overlay: boolean;
  readonly cgroup: CgroupFacts;
  /** ABI of Landlock; 0 where there is none. */
  readonly landlockAbi: number;
  readonly seccomp: boolean;
  /** /dev/net/tun can be opened by this user. */
  readonly tun: boolean;
  /** nftables can lead connections in a network namespace to one listener (tproxy), for IPv4 and IPv6. */
  readonly tproxy: boolean;
  /** /dev/kvm can be opened by this user. Says nothing about its speed. */
  readonly kvm: boolean;
  /** What runs the processors of virtual machines; found by a trial where /dev/kvm opens. */
  readonly accelerator: Accelerator;
  /** Groups of PCI devices that an IOMMU keeps apart; 0 where there is none that is switched on. */
  readonly iommuGroups?: number;
  /** systemd runs as the system manager, and the user's own manager answers. */
  readonly systemd: { readonly system: boolean; readonly user: boolean };
  /** PCI vendors of the graphics cards: `intel`, `amd`, `nvidia`, or the hexadecimal id. */
  readonly gpus: readonly string[];
  /** LANG of the session, else of the system's own file; `C.UTF-8` without either. */
  readonly locale: string;
  /** IANA name: `Europe/Berlin`; `UTC` where unknown. */
  readonly timeZone: string;
  /** What a graphical app could talk to. */
  readonly display: { readonly wayland: string | undefined; readonly x11: string | undefined };
  /** MemTotal of proc_meminfo(5), whole MiB. */
  readonly memoryMiB: number;
  readonly cpus: number;
}

export interface Accelerator {
  readonly kind: "kvm" | "emulated";
  /** Why it is not `kvm`. */
  readonly because: "absent" | "closed" | "no-qemu" | "slow" | "fails" | "not-tried" | "written" | undefined;
}

export interface IdRange {
  readonly first: number;
  readonly count: number;
}

export interface CgroupFacts {
  /** `unified` is v2 alone, `hybrid` and `legacy` have controllers in v1. */
  readonly mode: "unified" | "hybrid" | "legacy" | "none";
  /**
   * For each limit the folder below which this user may make cgroups that enforce it; undefined where not permitted.
   * In v1 the folders differ by controller.
   */
  readonly memory: string | undefined;
  readonly tasks: string | undefined;
  readonly cpu: string | undefined;
  readonly freeze: string | undefined;
}
