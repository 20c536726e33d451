/** Cloud-init: what a system of its own is told at its first start, on a disk that Skerry writes (NoCloud). Plain data. */

export interface CloudInit {
  /** Host file of the owner's, absolute; undefined: the system learns its name and nothing else. */
  readonly userData: string | undefined;
  /** The name that the system is told; undefined: the instance's. */
  readonly hostName: string | undefined;
}

/** Name of the disk, among those of the deployment. */
export const SEED_DISK = "cidata";
