/**
 * What no app may ask the kernel for, and why: the table that the filter and the manual are made from.
 *
 * A second wall, not the first: most of these need a capability that the app does not have. The filter keeps the code
 * behind them out of reach when the kernel's own check has a hole, and closes the few that need no capability.
 *
 * Let through on purpose
 * - ptrace, process_vm_readv, process_vm_writev, pidfd_getfd, kcmp: debuggers and crash reporters live on them. They
 *   reach processes of the same pid namespace only, by one and the same check; to refuse some of them would gain nothing.
 *   The kernel filters after the tracer has had its say (since 4.8), so a tracer does not get round the filter.
 * - seccomp, prctl, landlock_*: they only take rights away.
 * - vm86, vm86old, socketcall: they do not exist on the architectures that there is a filter for.
 */
import type { CallName } from "./seccomp-calls.ts";

/** Numbers of errno(3) that are the same on all our architectures. */
export const ERRORS = { EPERM: 1, ENOSYS: 38, EPROTONOSUPPORT: 93, EOPNOTSUPP: 95, EAFNOSUPPORT: 97 } as const;

export type ErrorName = keyof typeof ERRORS;

/**
 * Looks at the low 32 bits of one argument, counted from 0: all arguments that are tested here are 32 bits or less to the
 * kernel, which does not read the rest. To compare it would let a call through that has a bit set there.
 */
export type ArgumentTest =
  | { readonly argument: number; readonly is: "any-bit-of"; readonly bits: number }
  | { readonly argument: number; readonly is: "one-of"; readonly values: readonly number[] }
  | { readonly argument: number; readonly is: "none-of"; readonly values: readonly number[] };

export interface Refused {
  readonly calls: readonly CallName[];
  /** Refused only where all of these hold; without it, always. */
  readonly when?: readonly ArgumentTest[];
  readonly error: ErrorName;
  /** For the manual: half a sentence that answers "why not". */
  readonly because: string;
  /** Let through for a program with a sandbox of its own, which makes namespaces inside ours. */
  readonly unlessOwnSandbox?: true;
  /** Refused only to a program that is in a process group of the host's: one with the caller's terminal. */
  readonly inHostsGroup?: true;
}

/** ioctl_tty(2). */
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;
const TIOCSETD = 0x5423;

/** open(2): the two flags that make a file, and so give a meaning to the mode. O_TMPFILE without its O_DIRECTORY. */
const MAKES_A_FILE = 0o100 | 0o20000000;

/** chmod(2): set-user-ID and set-group-ID. */
const SET_ID_BITS = 0o6000;

/** namespaces(7): mount, cgroup, uts, ipc, user, pid, net. */
const NEW_NAMESPACE_BITS = 0x7e020000;

/** CLONE_NEWTIME: for unshare(2) only; in clone(2) the bit belongs to the signal's number. */
const NEW_TIME_NAMESPACE_BIT = 0x80;

/** address_families(7). */
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const AF_NETLINK = 16;

const NETLINK_ROUTE = 0;

/**
 * personality(2): Linux as it is, with 32-bit names, with an old version number, both, and the question for the present
 * value; and without random addresses, which debuggers and memory checkers ask for and which weakens only who asks.
 */
const HARMLESS_PERSONALITIES = [0, 0x8, 0x20000, 0x20008, 0xffffffff, 0x40000];

const SET_ID = "a file that runs with its owner's rights would be a way out for whoever starts it on the host";

const NEW_NAMESPACES = "a new user namespace brings all capabilities in it, and much of the kernel opens with them";

const MOUNTS = "the tree of the compartment is made before the app starts, and stays as it is";

export const REFUSED: readonly Refused[] = [
  {
    calls: ["ioctl"],
    when: [{ argument: 1, is: "one-of", values: [TIOCSTI, TIOCLINUX] }],
    error: "EPERM",
    because: "they type into the terminal, and so into the shell that started the app",
  },
  {
    calls: ["ioctl"],
    when: [{ argument: 1, is: "one-of", values: [TIOCSETD] }],
    error: "EPERM",
    because: "other line disciplines are seldom used kernel modules with a history of faults",
  },
  {
    calls: ["socket"],
    when: [{ argument: 0, is: "none-of", values: [AF_UNIX, AF_INET, AF_INET6, AF_NETLINK] }],
    error: "EAFNOSUPPORT",
    because:
      "other address families (packet, vsock, alg, key, bluetooth…) pass by the network's rules or load kernel modules",
  },
  {
    calls: ["socket"],
    when: [
      { argument: 0, is: "one-of", values: [AF_NETLINK] },
      { argument: 2, is: "none-of", values: [NETLINK_ROUTE] },
    ],
    error: "EPROTONOSUPPORT",
    because: "of netlink only the routing tables are asked by programs; the rest configures the kernel",
  },
  {
    calls: ["socketpair"],
    when: [{ argument: 0, is: "none-of", values: [AF_UNIX] }],
    error: "EAFNOSUPPORT",
    because: "pairs exist for local sockets; elsewhere they load kernel modules",
  },
  {
    calls: ["open"],
    when: [
      { argument: 1, is: "any-bit-of", bits: MAKES_A_FILE },
      { argument: 2, is: "any-bit-of", bits: SET_ID_BITS },
    ],
    error: "EPERM",
    because: SET_ID,
  },
  {
    calls: ["openat"],
    when: [
      { argument: 2, is: "any-bit-of", bits: MAKES_A_FILE },
      { argument: 3, is: "any-bit-of", bits: SET_ID_BITS },
    ],
    error: "EPERM",
    because: SET_ID,
  },
  {
    calls: ["creat", "chmod", "fchmod", "mknod"],
    when: [{ argument: 1, is: "any-bit-of", bits: SET_ID_BITS }],
    error: "EPERM",
    because: SET_ID,
  },
  {
    calls: ["fchmodat", "fchmodat2", "mknodat"],
    when: [{ argument: 2, is: "any-bit-of", bits: SET_ID_BITS }],
    error: "EPERM",
    because: SET_ID,
  },
  {
    calls: ["openat2"],
    error: "ENOSYS",
    because: "a filter cannot read its flags, which may make a set-user-ID file; programs fall back to openat",
  },
  {
    calls: ["clone"],
    when: [{ argument: 0, is: "any-bit-of", bits: NEW_NAMESPACE_BITS }],
    error: "EPERM",
    because: NEW_NAMESPACES,
    unlessOwnSandbox: true,
  },
  {
    calls: ["unshare"],
    when: [{ argument: 0, is: "any-bit-of", bits: NEW_NAMESPACE_BITS | NEW_TIME_NAMESPACE_BIT }],
    error: "EPERM",
    because: NEW_NAMESPACES,
    unlessOwnSandbox: true,
  },
  {
    calls: ["clone3"],
    error: "ENOSYS",
    because: "a filter cannot read its flags, which may ask for namespaces; programs fall back to clone",
    unlessOwnSandbox: true,
  },
  { calls: ["mount", "umount2", "pivot_root", "chroot"], error: "EPERM", because: MOUNTS, unlessOwnSandbox: true },
  {
    calls: ["open_tree", "open_tree_attr", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr"],
    error: "ENOSYS",
    because: `${MOUNTS}; programs fall back to mount, which a sandbox of the app's own may use`,
  },
  { calls: ["setns"], error: "EPERM", because: "an app has no namespace to go to but its own" },
  {
    calls: ["personality"],
    when: [{ argument: 0, is: "none-of", values: HARMLESS_PERSONALITIES }],
    error: "EPERM",
    because: "other personalities weaken memory protection or wake code for long dead systems",
  },
  {
    calls: ["add_key", "request_key", "keyctl"],
    error: "EPERM",
    because: "keyrings know no namespaces: keys of the user's other programs would be within reach",
  },
  { calls: ["bpf"], error: "EPERM", because: "it runs the caller's program in the kernel" },
  { calls: ["perf_event_open"], error: "EPERM", because: "it watches the processor, and what others do on it" },
  {
    calls: ["userfaultfd"],
    error: "EPERM",
    because: "it stops the kernel in the middle of a copy, which is what exploits need",
  },
  {
    calls: ["io_uring_setup", "io_uring_enter", "io_uring_register"],
    error: "ENOSYS",
    because: "what goes through its rings passes by this filter; programs fall back to plain calls",
  },
  { calls: ["kexec_load", "kexec_file_load", "reboot"], error: "EPERM", because: "the machine belongs to its owner" },
  {
    calls: ["init_module", "finit_module", "delete_module"],
    error: "EPERM",
    because: "a module is part of the kernel, and stands behind every wall",
  },
  {
    calls: ["swapon", "swapoff", "acct", "quotactl", "quotactl_fd", "vhangup"],
    error: "EPERM",
    because: "they manage the host",
  },
  {
    calls: ["settimeofday", "clock_settime", "clock_adjtime", "adjtimex"],
    error: "EPERM",
    because: "there is one clock for the host and all compartments",
  },
  {
    calls: ["syslog"],
    error: "EPERM",
    because: "the kernel's messages tell of the host and of addresses in its memory",
  },
  { calls: ["iopl", "ioperm"], error: "EPERM", because: "they hand out the hardware" },
  {
    calls: ["modify_ldt"],
    error: "ENOSYS",
    because: "it serves 16-bit programs alone, and had faults that gave away the kernel",
  },
  {
    calls: ["kill"],
    when: [{ argument: 0, is: "one-of", values: [0] }],
    error: "EPERM",
    because: "the process group of an attached app holds the caller and what it is piped to, whatever their namespace",
    inHostsGroup: true,
  },
  {
    calls: ["pidfd_send_signal"],
    when: [{ argument: 3, is: "none-of", values: [0] }],
    error: "EPERM",
    because: "its flags widen a signal to the whole group or session",
    inHostsGroup: true,
  },
  {
    calls: ["open_by_handle_at"],
    error: "EPERM",
    because: "a handle opens a file of the host wherever it lies, past every mount",
  },
  {
    calls: ["name_to_handle_at"],
    error: "EOPNOTSUPP",
    because: "it makes the handles for open_by_handle_at; programs fall back",
  },
  {
    calls: ["fanotify_init"],
    error: "EPERM",
    because: "it watches whole file systems, which compartments share with the host",
  },
  {
    calls: ["migrate_pages", "move_pages"],
    error: "EPERM",
    because: "they move other processes' memory, and tell where it is",
  },
  {
    calls: [
      "lookup_dcookie",
      "nfsservctl",
      "uselib",
      "sysfs",
      "_sysctl",
      "create_module",
      "query_module",
      "get_kernel_syms",
    ],
    error: "ENOSYS",
    because: "they are remains that no program of today calls",
  },
];
