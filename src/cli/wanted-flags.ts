/** The flags that say what to start, for `run`, `start` and `plan` alike. */
import { resolve } from "node:path";
import type { WantedJson } from "../contract/index.ts";
import { proposeStartable } from "./names.ts";
import type { World } from "./world.ts";

export interface WantedFlags {
  readonly package?: readonly string[];
  readonly folder?: readonly string[];
  readonly net?: string;
  readonly acceptWeaker?: readonly string[];
  readonly rm: boolean;
  readonly clone: boolean;
}

const text = (value: string) => value;

export const WANTED_FLAGS = {
  package: {
    kind: "parsed",
    parse: text,
    brief: "A package of the default base; without a NAME.",
    placeholder: "PACKAGE",
    variadic: true,
    optional: true,
  },
  folder: {
    kind: "parsed",
    parse: text,
    brief: "HOST[:INSIDE]=ANSWER, for this start only.",
    placeholder: "GRANT",
    variadic: true,
    optional: true,
  },
  net: {
    kind: "parsed",
    parse: text,
    brief: "deny, empty, real, real:host,lan or RULE,RULE such as example.org:443; for this start only.",
    placeholder: "ANSWER",
    optional: true,
  },
  acceptWeaker: {
    kind: "parsed",
    parse: text,
    brief: "Start although this limit cannot be enforced here.",
    placeholder: "LIMIT",
    variadic: true,
    optional: true,
  },
  rm: { kind: "boolean", brief: "Begin with empty volumes and keep nothing; ends with its caller.", default: false },
  clone: {
    kind: "boolean",
    brief: "Go on from the snapshot of its virtual machine (vm snapshot NAME), and do not boot.",
    default: false,
  },
} as const;

/** For what starts something, and so may build first. */
export const QUIET_FLAG = { kind: "boolean", brief: "No progress and no notes.", default: false } as const;

/** What to start, and what it is given. */
export const WANTED_WORDS = {
  kind: "array",
  parameter: {
    parse: String,
    brief: "Instance or recipe, and behind -- what the app is given.",
    placeholder: "NAME -- ARGUMENT",
    proposeCompletions: proposeStartable,
  },
} as const;

/** @param words - with packages all are arguments; else the first is the name */
export function wantedOf(world: World, flags: WantedFlags, words: readonly string[]): WantedJson {
  const packages = [...(flags.package ?? [])];
  const [name = "", ...rest] = packages.length > 0 ? ["", ...words] : words;
  const directory = process.cwd();
  return {
    name,
    packages,
    folders: (flags.folder ?? []).map((grant) => absoluteFolder(grant, directory, world)),
    network: flags.net ?? "",
    arguments: rest,
    directory,
    terminal: world.terminal.output ? (world.environment["TERM"] ?? "dumb") : "",
    acceptWeaker: [...(flags.acceptWeaker ?? [])],
    remove: flags.rm || packages.length > 0,
    ...(flags.clone ? { clone: true } : {}),
  };
}

/** `.=real` is meant from where the caller stands; `~/x=real` from home, where no shell has said so before. */
function absoluteFolder(grant: string, directory: string, world: World): string {
  const end = grant.search(/:\/|=[a-z]+$/);
  if (end <= 0) return grant;
  const place = grant.slice(0, end);
  const home = world.environment["HOME"] ?? "/";
  const path = place === "~" || place.startsWith("~/") ? `${home}${place.slice(1)}` : place;
  return resolve(directory, path) + grant.slice(end);
}
