/**
 * System calls by number, for those that the filter names.
 *
 * Not a list of all calls: one that is not here is let through, up to the newest number of NEWEST_CALL.
 *
 * Source: the kernel's unistd.h of each architecture; the test beside seccomp.ts compares with the headers of this host.
 */

/** Debian's words for the architectures that there is a filter for. */
export type SeccompArchitecture = "amd64" | "arm64";

/** Of Linux 6.17. A call that is newer than that is unknown to us, so nobody has thought about it. */
export const NEWEST_CALL = 469;

/** Numbers that no call has; the first numbers differ by architecture, and from 424 on all count alike. */
export const UNASSIGNED_CALLS: Readonly<
  Record<SeccompArchitecture, { readonly first: number; readonly last: number }>
> = {
  amd64: { first: 337, last: 423 },
  arm64: { first: 295, last: 423 },
};

/** Undefined where the architecture never had the call. */
export const CALL_NUMBERS = {
  _sysctl: { amd64: 156, arm64: undefined },
  acct: { amd64: 163, arm64: 89 },
  add_key: { amd64: 248, arm64: 217 },
  adjtimex: { amd64: 159, arm64: 171 },
  bpf: { amd64: 321, arm64: 280 },
  chmod: { amd64: 90, arm64: undefined },
  chroot: { amd64: 161, arm64: 51 },
  clock_adjtime: { amd64: 305, arm64: 266 },
  clock_settime: { amd64: 227, arm64: 112 },
  clone: { amd64: 56, arm64: 220 },
  clone3: { amd64: 435, arm64: 435 },
  creat: { amd64: 85, arm64: undefined },
  create_module: { amd64: 174, arm64: undefined },
  delete_module: { amd64: 176, arm64: 106 },
  fanotify_init: { amd64: 300, arm64: 262 },
  fchmod: { amd64: 91, arm64: 52 },
  fchmodat: { amd64: 268, arm64: 53 },
  fchmodat2: { amd64: 452, arm64: 452 },
  finit_module: { amd64: 313, arm64: 273 },
  fsconfig: { amd64: 431, arm64: 431 },
  fsmount: { amd64: 432, arm64: 432 },
  fsopen: { amd64: 430, arm64: 430 },
  fspick: { amd64: 433, arm64: 433 },
  get_kernel_syms: { amd64: 177, arm64: undefined },
  init_module: { amd64: 175, arm64: 105 },
  io_uring_enter: { amd64: 426, arm64: 426 },
  io_uring_register: { amd64: 427, arm64: 427 },
  io_uring_setup: { amd64: 425, arm64: 425 },
  ioctl: { amd64: 16, arm64: 29 },
  ioperm: { amd64: 173, arm64: undefined },
  iopl: { amd64: 172, arm64: undefined },
  kexec_file_load: { amd64: 320, arm64: 294 },
  kexec_load: { amd64: 246, arm64: 104 },
  keyctl: { amd64: 250, arm64: 219 },
  kill: { amd64: 62, arm64: 129 },
  lookup_dcookie: { amd64: 212, arm64: 18 },
  migrate_pages: { amd64: 256, arm64: 238 },
  mknod: { amd64: 133, arm64: undefined },
  mknodat: { amd64: 259, arm64: 33 },
  modify_ldt: { amd64: 154, arm64: undefined },
  mount: { amd64: 165, arm64: 40 },
  mount_setattr: { amd64: 442, arm64: 442 },
  move_mount: { amd64: 429, arm64: 429 },
  move_pages: { amd64: 279, arm64: 239 },
  name_to_handle_at: { amd64: 303, arm64: 264 },
  nfsservctl: { amd64: 180, arm64: 42 },
  open: { amd64: 2, arm64: undefined },
  open_by_handle_at: { amd64: 304, arm64: 265 },
  open_tree: { amd64: 428, arm64: 428 },
  open_tree_attr: { amd64: 467, arm64: 467 },
  openat: { amd64: 257, arm64: 56 },
  openat2: { amd64: 437, arm64: 437 },
  perf_event_open: { amd64: 298, arm64: 241 },
  personality: { amd64: 135, arm64: 92 },
  pidfd_send_signal: { amd64: 424, arm64: 424 },
  pivot_root: { amd64: 155, arm64: 41 },
  query_module: { amd64: 178, arm64: undefined },
  quotactl: { amd64: 179, arm64: 60 },
  quotactl_fd: { amd64: 443, arm64: 443 },
  reboot: { amd64: 169, arm64: 142 },
  request_key: { amd64: 249, arm64: 218 },
  setns: { amd64: 308, arm64: 268 },
  settimeofday: { amd64: 164, arm64: 170 },
  socket: { amd64: 41, arm64: 198 },
  socketpair: { amd64: 53, arm64: 199 },
  swapoff: { amd64: 168, arm64: 225 },
  swapon: { amd64: 167, arm64: 224 },
  sysfs: { amd64: 139, arm64: undefined },
  syslog: { amd64: 103, arm64: 116 },
  umount2: { amd64: 166, arm64: 39 },
  unshare: { amd64: 272, arm64: 97 },
  uselib: { amd64: 134, arm64: undefined },
  userfaultfd: { amd64: 323, arm64: 282 },
  vhangup: { amd64: 153, arm64: 58 },
} as const satisfies Readonly<Record<string, Readonly<Record<SeccompArchitecture, number | undefined>>>>;

export type CallName = keyof typeof CALL_NUMBERS;
