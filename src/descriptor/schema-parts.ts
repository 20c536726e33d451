/**
 * Schema parts: the small pieces that the formats are made of, each with its limit and its words.
 *
 * A piece says what was expected; `explain.ts` says the rest. What is checked by a pattern or a bound shows in the JSON
 * Schemas too; what is checked by a function does not, and is stricter than an editor can know.
 */
import * as z from "zod";
import {
  escapeText,
  isCleanAbsolutePath,
  filePatternFault,
  isCleanRelativePath,
  isFilePattern,
  isWithin,
  NAME_PATTERN,
  PACKAGE_PATTERN,
  VARIABLE_PATTERN,
} from "../model/index.ts";
import { found, quote } from "./complaint.ts";
import { insideFault } from "./inside.ts";

/** What zod passes to the words of a schema. The words of a map or list are asked about its bounds, too. */
interface Refused {
  readonly code?: string | undefined;
  readonly input?: unknown;
}

/** An error text for a schema: what it wants, and what is there instead. Bounds are explained elsewhere. */
export function wants(what: string): { readonly error: (refused: Refused) => string | undefined } {
  return {
    error: ({ code, input }) => {
      if (code === "too_big" || code === "too_small") return undefined;
      return input === undefined ? `missing. Write ${what}` : `expected ${what}, found ${found(input)}`;
    },
  };
}

/** The same for what can be written as empty, which a key with nothing behind it is not. */
function wantsOrEmpty(what: string, empty: string): ReturnType<typeof wants> {
  const plain = wants(what);
  return {
    error: (refused) => {
      const text = plain.error(refused);
      return refused.input === null ? `${text}. Write ${empty} where there are none` : text;
    },
  };
}

/** A list whose length has a limit. */
export function listOf<Item extends z.ZodType>(item: Item, what: string, limit: number) {
  return z.array(item, wantsOrEmpty(`a list of ${what}`, "[]")).max(limit);
}

/** A map whose keys are the owner's or the recipe's own words. */
export function mapOf<Item extends z.ZodType>(key: z.ZodType<string, string>, item: Item, what: string, limit: number) {
  return z
    .record(key, item, wantsOrEmpty(`a map of ${what}`, "{}"))
    .refine((map) => Object.keys(map).length <= limit, { error: ({ input }) => tooManyKeys(input, limit) })
    .meta({ maxProperties: limit });
}

function tooManyKeys(input: unknown, limit: number): string {
  const count = typeof input === "object" && input !== null ? Object.keys(input).length : 0;
  return `at most ${limit} entries, found ${count}`;
}

/** A check by a pattern, whose refusal ends all further checks of the same text. */
export function pattern(expression: RegExp, fault: (text: string) => string) {
  return z.regex(expression, { abort: true, error: ({ input }) => fault(String(input)) });
}

/** A check by a function that gives the words of its refusal, or undefined. */
export function saying(fault: (text: string) => string | undefined) {
  return z.superRefine<string>((text, context) => {
    const message = fault(text);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });
}

const NAME_RULE = "Names have lower-case letters, digits and dashes, begin with a letter, and are at most 40 long";

export const name = z
  .string(wants("a name"))
  .check(pattern(NAME_PATTERN, (text) => `${quote(text)} is no name. ${NAME_RULE}`))
  // Keys of that kind are refused when the text is read; this is for names as values, which will be looked up.
  .check(
    saying((text) => (text in Object.prototype ? `${quote(text)} is a reserved word. Choose another name` : undefined)),
  );

/** @returns why a text cannot name a recipe or deployment, or undefined where it can */
export function nameFault(text: string): string | undefined {
  const checked = name.safeParse(text);
  return checked.success ? undefined : checked.error.issues[0]?.message;
}

const PACKAGE_RULE = "Package names have lower-case letters, digits and + . -, and neither version nor architecture";

export const packageName = z
  .string(wants("the name of a package"))
  .check(pattern(PACKAGE_PATTERN, (text) => `${quote(text)} is no package name. ${PACKAGE_RULE}`))
  // apt-get(8): a name with a dash behind it is a package to remove.
  .check(saying((text) => (text.endsWith("-") ? `${quote(text)} is no package name: it ends with a dash` : undefined)));

/** One line for people. */
export function sentence(what: string, limit: number) {
  return z.string(wants(what)).trim().min(1).max(limit);
}

export const programPath = z
  .string(wants("an absolute path"))
  .max(4096)
  .check(saying((text) => (isCleanAbsolutePath(text) && text !== "/" ? undefined : notAProgram(text))));

function notAProgram(text: string): string {
  return `${quote(text)} is no program inside. Write a clean absolute path such as /usr/bin/rg`;
}

export const insidePath = z.string(wants("an absolute path inside")).max(1000).check(saying(insideFault));

/** `~/` stands for the owner's home; `~` alone is YAML's word for nothing. */
export const hostFolder = z
  .string(wants('a folder of this host, such as ~/Documents or "~"'))
  .check(saying(hostFolderFault));

export const hostFile = z.string(wants("a file of this host, such as ~/key")).check(saying(hostFolderFault));

function hostFolderFault(text: string): string | undefined {
  const absolute = resolveHome(text, "/home");
  if (isCleanAbsolutePath(absolute)) return undefined;
  const rest = text.split("/").filter((part) => part !== "" && part !== ".");
  if (rest.includes("..")) return `${quote(text)} has ".." in it. Write the path that is meant`;
  if (!text.startsWith("/") && !text.startsWith("~/")) {
    return `${quote(text)} is a relative path. Begin with "/" or "~/"`;
  }
  const clean = `${text.startsWith("/") ? "/" : ""}${rest.join("/")}`;
  return isCleanAbsolutePath(resolveHome(clean, "/home"))
    ? `${quote(text)} is not a clean path. Write ${quote(clean)}`
    : `${quote(text)} is not a path: too long, or with a part of more than 255 bytes`;
}

/** The folder that is meant, absolute where the text began with `/` or `~`. */
export function resolveHome(text: string, home: string): string {
  if (text === "~" || text === "~/") return home;
  if (!text.startsWith("~/")) return text;
  return home === "/" ? text.slice(1) : `${home}${text.slice(1)}`;
}

/** The other way round: as short as an owner would write it. */
export function shortenHome(folder: string, home: string): string {
  if (home === "/" || !isWithin(folder, home)) return folder;
  return folder === home ? "~/" : `~${folder.slice(home.length)}`;
}

export const chosenFile = z.string(wants("a path below the folder")).check(
  saying((text) => {
    if (isCleanRelativePath(text)) return isFilePattern(text) ? filePatternFault(text) : undefined;
    return `${quote(text)} is not a clean path below the folder. Leave out "/" at the start and the end, "//", "." and ".."`;
  }),
);

export const variableName = z
  .string()
  .check(
    pattern(
      VARIABLE_PATTERN,
      (text) => `${quote(text)} is no name of a variable. Use letters, digits and "_", no digit first`,
    ),
  );

export const variableValue = z.string(wants("text; put numbers and true or false in quotes")).max(4096);

const KIB = 1024;
const SIZE_UNITS: Readonly<Record<string, number>> = { KiB: KIB, MiB: KIB ** 2, GiB: KIB ** 3, TiB: KIB ** 4 };
export const MIN_MEMORY_BYTES = 16 * KIB ** 2;
export const MAX_MEMORY_BYTES = KIB ** 4;

export const memorySize = z
  .string(wants("a size such as 512 MiB"))
  .check(
    pattern(
      /^[1-9][0-9]{0,9} ?(KiB|MiB|GiB|TiB)$/,
      (text) => `expected a size such as 512 MiB, found ${found(text)}. Write whole numbers of KiB, MiB, GiB or TiB`,
    ),
  )
  .check(
    saying((text) => {
      const bytes = bytesOf(text);
      if (bytes >= MIN_MEMORY_BYTES && bytes <= MAX_MEMORY_BYTES) return undefined;
      return `${quote(text)} is out of range. Memory is 16 MiB to 1 TiB`;
    }),
  );

/** @param size - as `memorySize` lets it pass */
export function bytesOf(size: string): number {
  return Number.parseInt(size, 10) * (SIZE_UNITS[size.slice(-3)] ?? Number.NaN);
}

/** The same size in the largest unit that needs no fraction; undefined where there is none. */
export function sizeOf(bytes: number): string | undefined {
  const unit = ["TiB", "GiB", "MiB", "KiB"].find((unit) => bytes % (SIZE_UNITS[unit] ?? Number.NaN) === 0);
  return unit === undefined ? undefined : `${bytes / (SIZE_UNITS[unit] ?? Number.NaN)} ${unit}`;
}

const MOST_DISK_BYTES = 4 * KIB ** 4;

export const diskSize = z
  .string(wants("a size such as 20 GiB"))
  .check(
    pattern(
      /^[1-9][0-9]{0,9} ?(MiB|GiB|TiB)$/,
      (text) => `${quote(text)} is no size of a disk. Write whole numbers of MiB, GiB or TiB`,
    ),
  )
  .check(
    saying((text) =>
      bytesOf(text) <= MOST_DISK_BYTES ? undefined : `${quote(text)} is out of range. A disk has 1 MiB to 4 TiB`,
    ),
  );

export const tasks = z.int(wants("a whole number from 1 to 100000")).min(1).max(100_000);

export const cpuShare = z
  .string(wants("a share such as 150 %"))
  .check(pattern(/^[1-9][0-9]{0,3} ?%$/, (text) => `expected a share such as 150 %, found ${found(text)}`))
  .check(
    saying((text) =>
      Number.parseInt(text, 10) <= 6400 ? undefined : `${quote(text)} is out of range. CPU is 1 % to 6400 %`,
    ),
  );

/** http or https, no user, query or fragment, no slash at the end; nothing that a list of archives would cut apart. */
const ADDRESS_PATTERN = /^https?:\/\/[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?(\/[A-Za-z0-9._~+%-]+)*$/;

export const address = z
  .string(wants("an http or https address"))
  .max(500)
  .check(
    pattern(
      ADDRESS_PATTERN,
      (text) =>
        `${quote(text)} is no address of an archive. Write http(s)://host/path without user, query and "/" at the end`,
    ),
  )
  .check(saying((text) => (/\/\.\.?(\/|$)/.test(text) ? `${escapeText(text)} has "." or ".." in it` : undefined)));

/** RFC 9580, 6.2: headers, an empty line, base64, perhaps a checksum. One key block and nothing around it. */
const ARMORED_KEY =
  /^-----BEGIN PGP PUBLIC KEY BLOCK-----\n(?:[A-Za-z]{1,20}: [ -~]{0,200}\n){0,10}\n(?:[A-Za-z0-9+/=]{1,76}\n){1,2000}-----END PGP PUBLIC KEY BLOCK-----\n?$/;

/** @returns why a text is no armored key, or undefined where it is one */
export function keyFault(text: string): string | undefined {
  if (ARMORED_KEY.test(text)) return undefined;
  if (/PRIVATE KEY/.test(text.slice(0, 200))) return "a private key. Export the public one (gpg --armor --export)";
  return "no armored OpenPGP public key. Write one key block and nothing else (gpg --armor --export)";
}

/** A file beside the recipe: a descriptor's texts are of one line each, and a key has many. */
export const keyFile = z
  .string(wants("the name of a file beside the recipe, such as example.asc"))
  .check(
    pattern(
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.asc$/,
      (text) => `${quote(text)} is no name of a key file beside the recipe. Write one such as example.asc`,
    ),
  );
