/** Pick: chosen files of a folder, named or by patterns, as what is let through and in words. */
import { type Contribution, isFilePattern, MOST_CHOSEN_FILES, patternsOf, pickedFiles } from "../model/index.ts";

type Pick = Extract<Contribution, { kind: "pick" }>;

interface Matches {
  readonly files: readonly string[];
  readonly more: boolean;
}

/** @returns undefined where more files match than may be chosen */
export function pickFor(
  source: string,
  files: readonly string[],
  target: string,
  { files: found, more }: Matches = { files: [], more: false },
): Pick | undefined {
  if (!files.some(isFilePattern)) return { kind: "pick", source, files, target };
  const pick: Pick = { kind: "pick", source, files, found, target };
  return more || pickedFiles(pick).length > MOST_CHOSEN_FILES ? undefined : pick;
}

export function pickGets(pick: Pick): string {
  const { source, target, files } = pick;
  const patterns = patternsOf(pick);
  const count = files.length - patterns.length;
  const named = count === 0 ? [] : [`${count} chosen file${count === 1 ? "" : "s"}`];
  const matching = patterns.length === 0 ? [] : [`files that match ${patterns.join(", ")}`];
  return `${[...named, ...matching].join(" and ")} of ${source}, read-only, at ${target}`;
}
