/**
 * Package engine: how one family of distributions is resolved, locked and installed.
 *
 * To add one: a file beside this one that exports a `PackageEngine`, and one line in index.ts. Nothing outside this
 * room names an engine's programs.
 *
 * Invariants
 * - An engine decides and never acts: it gives files, command lines and steps, and reads what came of them.
 * - Foreign code (maintainer scripts) runs behind bubblewrap only: no network, no host files, a root of its own.
 */
import type { Archive, HostFacts, LockedPackage, OsBase } from "../model/index.ts";
import type { Result } from "../result.ts";
import type { Argv, Environment, InsideCommand } from "../step/index.ts";

export interface PackageEngine {
  readonly name: OsBase["engine"];
  /** Host programs that it needs, by name. */
  readonly programs: readonly string[];
  /** Files that make up its private root below `root`, by path relative to it. */
  rootFiles(base: OsBase, root: string, architecture: string, mirrors: Mirrors): Readonly<Record<string, string>>;
  /** Brings the archive's lists up to date. */
  update(root: string, facts: HostFacts, mirrors: Mirrors): EngineCommand;
  /** Prints which package files the wishes need on top of what the private root's status says is installed. */
  resolve(root: string, wanted: readonly string[], facts: HostFacts): EngineCommand;
  /** Where the private root says what is installed; relative to the root. */
  readonly statusFile: string;
  /** Reads what `resolve` printed. */
  readResolution(output: string, base: OsBase, mirrors: Mirrors): Result<readonly LockedPackage[], ResolutionProblem>;
  /** A wish that is neither resolved nor installed below, if there is one. */
  unmet(wanted: readonly string[], resolved: readonly LockedPackage[], status: string): string | undefined;
  /** Prints every name that the archives know. */
  names(root: string, facts: HostFacts): EngineCommand;
  /** Prints the newest version of each package that the archives have. */
  newest(root: string, names: readonly string[], facts: HostFacts): EngineCommand;
  readNewest(output: string): ReadonlyMap<string, NewestVersion>;
  /** Compares what a build captured as installed with what was locked. */
  compareInstalled(captured: string, locked: readonly LockedPackage[]): Result<void, InstalledProblem>;
  /** What a failed `update` or `resolve` means. */
  readFailure(words: string): ResolutionProblem;
  /** Commands that fill an empty folder with the base layer. */
  buildBase(build: LayerBuild, base: OsBase): readonly InsideCommand[];
  /** Commands that install packages on top of lower layers. */
  buildOnTop(build: LayerBuild): readonly InsideCommand[];
}

export interface NewestVersion {
  readonly version: string;
  /** A suite that brings nothing but security updates has it. */
  readonly security: boolean;
}

export interface EngineCommand {
  readonly argv: Argv;
  readonly environment: Environment;
}

/** What the owner says about the way to the archives. */
export interface Mirrors {
  /** Address to ask first, by the archive's address. */
  readonly mirrors: Readonly<Record<string, string>>;
  readonly proxy: string | undefined;
  readonly snapshot: string | undefined;
}

export interface LayerBuild {
  readonly facts: HostFacts;
  /** Folder that holds the package files, each named HASH.deb; only read. */
  readonly debs: string;
  readonly packages: readonly LockedPackage[];
  /** An empty folder of this build: `fs` becomes the layer; `work` and `merged` serve the building. */
  readonly folder: string;
  /** File systems of the layers below, the topmost first; none for a base. */
  readonly below: readonly string[];
  /** Seconds since 1970 for what wants a time. */
  readonly epoch: number;
  /** To be generated, such as `de_DE.UTF-8`. */
  readonly locale: string | undefined;
}

/** Names of what a build captures. */
export const CAPTURED = {
  installed: "installed",
  status: "status",
  passwd: "passwd",
  group: "group",
  special: "special",
} as const;

export type ResolutionProblem =
  | { readonly kind: "unknown-package"; readonly name: string; readonly meant: string | undefined }
  | { readonly kind: "unsatisfiable"; readonly words: string }
  | { readonly kind: "untrusted-archive"; readonly words: string }
  | { readonly kind: "archive-unreachable"; readonly words: string }
  | { readonly kind: "bad-resolution"; readonly line: string };

export interface InstalledProblem {
  readonly kind: "not-as-locked";
  /** `locked` is undefined where the lock does not know the package, `found` where it is not installed. */
  readonly differences: readonly Difference[];
}

export interface Difference {
  readonly name: string;
  readonly locked: string | undefined;
  readonly found: string | undefined;
}

export function mirrorOf({ uri }: Pick<Archive, "uri">, mirrors: Mirrors): string {
  return mirrors.mirrors[uri] ?? uri;
}
