/**
 * Marks: what overlayfs has noted about entries of an upper folder, in extended attributes.
 *
 * Node cannot read these. perl-base, which every Debian has, can call lgetxattr(2) by its number; it is given names and
 * answers one letter for each, and touches nothing else.
 */
import { spawnSync } from "node:child_process";

export interface Marks {
  /** A folder that hides all that the lower one holds. */
  readonly opaque: boolean;
  /** It was copied from the lower tree, before it was changed. */
  readonly copied: boolean;
}

/** Numbers of lgetxattr(2). */
const CALLS: Readonly<Record<string, number>> = { x64: 192, arm64: 9 };

const PROGRAM = `
my ($call, $opaque, $origin) = (shift(@ARGV) + 0, "user.overlay.opaque", "user.overlay.origin");
$/ = "\\0";
while (my $path = <STDIN>) {
  chomp $path;
  my $value = "\\0" x 16;
  my $length = syscall($call, $path, $opaque, $value, 16);
  my $mark = $length == 1 && substr($value, 0, 1) eq "y" ? 1 : 0;
  $mark += 2 if syscall($call, $path, $origin, $value, 0) >= 0;
  print $mark;
}
`;

/** @param paths - relative to the folder. A name on the way is a folder that was looked at, and nobody writes there now */
export function readMarks(folder: string, paths: readonly string[]): ReadonlyMap<string, Marks> {
  const call = CALLS[process.arch];
  if (call === undefined) throw new Error(`the number of lgetxattr(2) on ${process.arch} is not known`);
  const input = Buffer.from(paths.map((path) => `${path}\0`).join(""), "latin1");
  const end = spawnSync("/usr/bin/perl", ["-e", PROGRAM, String(call)], { cwd: folder, input, maxBuffer: 1 << 24 });
  const letters = end.stdout?.toString("latin1") ?? "";
  if (end.status !== 0 || letters.length !== paths.length)
    throw new Error(`overlay marks cannot be read: ${end.error?.message ?? String(end.stderr)}`);
  return new Map(
    paths.map((path, index) => {
      const mark = Number(letters[index]);
      return [path, { opaque: (mark & 1) !== 0, copied: (mark & 2) !== 0 }];
    }),
  );
}
