/** Seed words: why a system of its own cannot have its data for cloud-init, for its owner. */
import { escapeText } from "../../model/index.ts";
import { type SeedProblem, USER_DATA_BYTES } from "./find-seed.ts";

const FAULTS: Readonly<Record<SeedProblem["because"], (file: string) => readonly [string, string]>> = {
  "not-there": (file) => [`there is no ${file}`, "name a file that is there"],
  "no-file": (file) => [`${file} is no plain file`, "name a file of yours"],
  skerrys: (file) => [`${file} lies in Skerry's own folders`, "move it to a folder of yours, and name it there"],
  unreadable: (file) => [`${file} cannot be read`, "make it readable for yourself (chmod u+r)"],
  "too-large": (file) => [
    `${file} has more than ${USER_DATA_BYTES / 1024} KiB`,
    "let it fetch the rest, or grant a folder that has it",
  ],
};

/** @returns the sentence, and the way out */
export function seedWords({ deployment, file, because }: SeedProblem): readonly [string, string] {
  const [what, mend] = FAULTS[because](escapeText(file, 500));
  return [`data for cloud-init of ${deployment}: ${what}`, `${mend} (skerry edit ${deployment})`];
}
