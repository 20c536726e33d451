/**
 * Trees as values, for tests of copies: written to a disk, read from it, and kept as overlayfs keeps what an app made of
 * one tree. So tests need no overlay and no rights; that overlayfs itself does the same is for the journeys.
 */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import fc from "fast-check";
import type { CompareOptions, Trees } from "./compare.ts";

export type Entry =
  | { readonly kind: "file"; readonly text: string; readonly mode: number }
  | { readonly kind: "link"; readonly to: string }
  | { readonly kind: "folder"; readonly mode: number; readonly entries: Tree };

/** By name, with one character for each byte. */
export type Tree = Readonly<Record<string, Entry>>;

export const file = (text: string, mode = 0o644): Entry => ({ kind: "file", text, mode });
export const folder = (entries: Tree, mode = 0o755): Entry => ({ kind: "folder", mode, entries });
export const link = (to: string): Entry => ({ kind: "link", to });

export function at(place: string, name: string): Buffer {
  return Buffer.concat([Buffer.from(`${place}/`, "latin1"), Buffer.from(name, "latin1")]);
}

export function writeTree(place: string, tree: Tree): void {
  for (const [name, entry] of Object.entries(tree)) writeEntry(place, name, entry);
}

function writeEntry(place: string, name: string, entry: Entry): void {
  const path = at(place, name);
  if (entry.kind === "link") symlinkSync(entry.to, path);
  else if (entry.kind === "file") writeFileSync(path, entry.text, { mode: 0o600 });
  else {
    mkdirSync(path);
    writeTree(path.toString("latin1"), entry.entries);
  }
  if (entry.kind !== "link") chmodSync(path, entry.mode);
}

export function readTree(place: string): Tree {
  const names = readdirSync(Buffer.from(place, "latin1"), "latin1").toSorted();
  return Object.fromEntries(
    names.map((name): [string, Entry] => {
      const path = at(place, name);
      const about = lstatSync(path);
      const mode = about.mode & 0o7777;
      if (about.isSymbolicLink()) return [name, link(readlinkSync(path))];
      if (about.isDirectory()) return [name, folder(readTree(path.toString("latin1")), mode)];
      return [name, file(about.isFile() ? readFileSync(path, "utf8") : "?", mode)];
    }),
  );
}

/** What overlayfs keeps when an app has made `now` of `old`. @param isOpaque - whether a folder was made anew */
export function writeUpper(place: string, old: Tree, now: Tree, isOpaque: (name: string) => boolean): void {
  for (const [name, entry] of Object.entries(now)) {
    const before = Object.hasOwn(old, name) ? old[name] : undefined;
    if (JSON.stringify(before) === JSON.stringify(entry)) continue;
    if (entry.kind !== "folder" || before?.kind !== "folder") {
      writeEntry(place, name, entry);
      continue;
    }
    const path = at(place, name);
    mkdirSync(path);
    const inner = path.toString("latin1");
    if (isOpaque(name)) {
      writeTree(inner, entry.entries);
      markOpaque(path);
    } else writeUpper(inner, before.entries, entry.entries, isOpaque);
    chmodSync(path, entry.mode);
  }
  for (const name of Object.keys(old)) if (!Object.hasOwn(now, name)) makeWhiteout(at(place, name));
}

/** Everybody may make a device of this number, since it is none (mknod(2)). */
export function makeWhiteout(path: Buffer): void {
  perl(`syscall($x64 ? 259 : 33, -100, $path, 0020000, 0) == 0 or die "mknodat: $!"`, path);
}

export function markOpaque(path: Buffer): void {
  perl(
    `my ($name, $value) = ("user.overlay.opaque", "y");
    syscall($x64 ? 189 : 6, $path, $name, $value, 1, 0) == 0 or die "lsetxattr: $!"`,
    path,
  );
}

/** Calls by their numbers: no program takes a name that is no text. */
function perl(program: string, path: Buffer): void {
  const start = "binmode STDIN; local $/; my $path = <STDIN>; my $x64 = $ARGV[0] eq 'x64';";
  const end = spawnSync("/usr/bin/perl", ["-e", `${start} ${program}`, process.arch], {
    input: path,
    encoding: "utf8",
  });
  if (end.status !== 0) throw new Error(end.stderr);
}

/** The three places of a copy, on a file system that keeps attributes of users. */
export interface Place extends Trees {
  readonly own: string;
  readonly close: () => void;
}

export function makePlace(): Place {
  const home = mkdtempSync("/var/tmp/skerry-changes-");
  const place = { own: `${home}/copy`, upper: `${home}/copy/upper`, real: `${home}/real` };
  for (const path of [place.own, place.upper, place.real]) mkdirSync(path);
  return { ...place, close: () => rmSync(home, { recursive: true, force: true }) };
}

/** The app knows the real folder as it is at any time: nothing conflicts. */
export const KNOWS_ALL: CompareOptions = {
  known: { first: "9".repeat(19), latest: "9".repeat(19), paths: {}, incomplete: false, own: {} },
  hidden: [],
};

/** The app has seen nothing of what is in the real folder. */
export const KNOWS_NOTHING: CompareOptions = {
  known: { first: "0", latest: "0", paths: {}, incomplete: false, own: {} },
  hidden: [],
};

const NAMES = ["a", "b", "c d", "new\nline", "\u001b[31mred", "-rf", "\xff\xfe", "\xc3\xa4", "..x"];

const PLAIN = { noNullPrototype: true } as const;

/** Few names, so that two trees have many in common. */
export const { tree: anyTree } = fc.letrec<{ tree: Tree; entry: Entry }>((tie) => ({
  tree: fc.dictionary(fc.constantFrom(...NAMES), tie("entry"), { maxKeys: 5, noNullPrototype: true }),
  entry: fc.oneof(
    { depthSize: "small", maxDepth: 4, withCrossShrink: true },
    fc.record(
      {
        kind: fc.constant("file" as const),
        text: fc.constantFrom("", "one", "two", "three\n"),
        mode: fc.constantFrom(0o644, 0o600, 0o755, 0o444),
      },
      PLAIN,
    ),
    fc.record(
      { kind: fc.constant("link" as const), to: fc.constantFrom("a", "../..", "/etc/passwd", "nowhere") },
      PLAIN,
    ),
    fc.record(
      { kind: fc.constant("folder" as const), mode: fc.constantFrom(0o755, 0o700), entries: tie("tree") },
      PLAIN,
    ),
  ),
}));
