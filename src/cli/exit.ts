/**
 * Exit codes: what `skerry` tells the program that called it. Listed for people in docs/reference/exit-codes.md.
 *
 * From sysexits(3) where one fits. `run`, `exec` and `shell` hand on the app's own code, and so have numbers of their
 * own, those of env(1), for when there is no app's code to hand on.
 */
export const EXIT = {
  done: 0,
  /** A rule of the owner's, or the state of things, forbids it. */
  refused: 1,
  /** The command line makes no sense. */
  usage: 64,
  /** A descriptor makes no sense. */
  data: 65,
  /** Something that is needed is not on this host. */
  unavailable: 69,
  /** A bug of ours. */
  fault: 70,
  /** Would work at another time: a server that does not answer, a full disk. */
  temporary: 75,
  /** The system forbids it to this user. */
  noPermission: 77,
  /** Ctrl-C, or a request to end. */
  interrupted: 130,
} as const;

/** For `run`, `exec` and `shell`, where every other number is the app's. */
export const APP_EXIT = {
  /** Skerry failed before the app began. */
  skerryFailed: 125,
  /** The app's program is there and cannot be executed. */
  notExecutable: 126,
  /** The app's program is not there. */
  notFound: 127,
} as const;
