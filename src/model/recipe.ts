/**
 * Recipe: what an app is made of and what it asks for. It grants nothing.
 *
 * Plain data, checked in descriptor/; this file only says its shape.
 */
import type { Verb } from "./answer.ts";
import type { Desktop } from "./desktop.ts";
import type { OwnSystem } from "./disk.ts";
import type { Readiness } from "./service.ts";

/** The services that a request can name today. A service is added here, in descriptor/ and in grant/. */
export const SERVICES = ["folder", "network", "variable", "display"] as const;

export type ServiceName = (typeof SERVICES)[number];

export interface Recipe {
  /** `[a-z][a-z0-9-]{0,39}`; the file's name without `.yaml`. */
  readonly name: string;
  /** One line for listings. */
  readonly summary: string;
  /** Name of an OS base; undefined means the default base. */
  readonly base: string | undefined;
  /** Names of the base's components, in the order written; which lies below which is not for a recipe to say. */
  readonly components: readonly string[];
  /** Package names of the base's distribution, in the order written. */
  readonly packages: readonly string[];
  /** SHA-256 of the manifest of an image that others made, which takes the place of base, components and packages. */
  readonly imported?: string;
  /** It is a whole system with a kernel of its own, on disks that the deployment names; there is no image to build. */
  readonly system?: OwnSystem;
  /** Archives besides the base's, for this recipe's own packages. */
  readonly repositories: readonly Repository[];
  /** By name, in the order written. The first one is the default. */
  readonly programs: Readonly<Record<string, Program>>;
  /** By name, in the order written. */
  readonly requests: Readonly<Record<string, Request>>;
  /** By name, in the order written. */
  readonly volumes: Readonly<Record<string, Volume>>;
  /** The program brings a sandbox of its own (browsers) and so needs nested user namespaces. */
  readonly ownSandbox: boolean;
  /** Its first program is that of a system (systemd). Undefined: an app. */
  readonly guest?: "system";
  /** `network`: the way out of other machines leads through it. */
  readonly provides?: readonly (typeof PROVIDED)[number][];
  /** How one sees that its default program can be used; undefined where there is no sign. */
  readonly ready: Readiness | undefined;
  /** For menus; undefined for what has no window. */
  readonly desktop: Desktop | undefined;
}

/** An archive that a recipe brings along, with the one key that it is believed by. */
export interface Repository {
  /** http or https address of the archive's root, without a slash at the end. */
  readonly uri: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** The armored text of an OpenPGP public key; until it has been read, the name of a file beside the recipe. */
  readonly key: { readonly armored: string } | { readonly file: string };
  /** It may bring packages that the base has too; else such a package is refused. */
  readonly mayReplace: boolean;
}

export interface Program {
  /** Absolute path inside, then fixed arguments. What the user adds comes behind. */
  readonly command: readonly [string, ...string[]];
  /**
   * What arguments the user may add: `any` are passed untouched; `files` are passed untouched too, but one that names
   * an existing host file becomes a read-only grant of that one file; `none` may be added.
   */
  readonly arguments: "any" | "files" | "none";
}

/** One wish for one resource outside the image. */
export interface Request {
  readonly service: ServiceName;
  /** Why the app wants it, in the recipe's words; shown to the owner, escaped. */
  readonly why: string;
  /** A start without a required one is refused; an optional one is absent inside. */
  readonly need: "required" | "optional";
  /** What it wants to do there. A folder's verbs; a network has none. */
  readonly verbs: readonly Verb[];
  /** Where a folder appears: absolute path inside. Undefined for all else. */
  readonly inside: string | undefined;
  /** Of a variable: its name. */
  readonly variable?: string;
}

/** Set inside for every app by Skerry itself: no request is asked about them. */
export const OWN_VARIABLES = [
  ...["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TERM", "XDG_RUNTIME_DIR"],
] as const;

/** What one instance can be to others besides what its links say. */
export const PROVIDED = ["network", "display"] as const;

/** How long a volume's content is meant to live: the first three survive purge and rebuild, `temp` one run. */
export const VOLUME_CLASSES = ["data", "settings", "cache", "temp"] as const;

export type VolumeClass = (typeof VOLUME_CLASSES)[number];

/** A writable folder of the instance's own, outside the image. */
export interface Volume {
  readonly class: VolumeClass;
  /** Absolute path inside. */
  readonly inside: string;
}
