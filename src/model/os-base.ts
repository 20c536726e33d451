/**
 * OS base: a distribution release that images are composed from, as data (os-bases/NAME/base.yaml).
 *
 * A new release of a known distribution is a folder with one file, and no code.
 */

export interface OsBase {
  /** `[a-z][a-z0-9-]{0,39}`; the folder's name. */
  readonly name: string;
  readonly summary: string;
  /** Which package engine reads it. */
  readonly engine: "apt";
  readonly state: BaseState;
  /** ISO date (YYYY-MM-DD) from which the state is the next one; undefined while nobody has said. */
  readonly until: string | undefined;
  /** Name of the base that its images are to move to; undefined while there is none. */
  readonly successor: string | undefined;
  /** Archives to resolve from, in order. */
  readonly archives: readonly Archive[];
  /** apt patterns or package names that make up the base layer. */
  readonly packages: readonly string[];
  /** Base address of a snapshot archive with the layout of snapshot.debian.org; undefined where there is none. */
  readonly snapshot: string | undefined;
  /** Directories that are links into /usr and must be so before the first package is unpacked. */
  readonly mergedUsr: readonly string[];
  /** What virtual machines are started with; undefined where nobody has tried that. */
  readonly guest?: {
    /** Package whose newest version brings the kernel. */
    readonly kernel: string;
    /** Packages of the tools around the app inside, and of what these need. */
    readonly tools: readonly string[];
  };
}

/** `deprecated` works and warns, `retired` builds nothing new. */
export const BASE_STATES = ["supported", "deprecated", "retired"] as const;

export type BaseState = (typeof BASE_STATES)[number];

export interface Archive {
  /** http or https address of the archive's root, without a slash at the end. */
  readonly uri: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** What the archive's signature must verify with: the absolute path of a keyring, or an armored key. */
  readonly trusts: { readonly keyring: string } | { readonly armored: string };
  /** Name of this archive in the snapshot archive: `debian`, `debian-security`. */
  readonly snapshotName: string | undefined;
  /** What another archive has too is taken from there. */
  readonly yields?: boolean;
}
