/** Words for what snapshots of machines cannot do, or not here. */
import { unreachable } from "../../result.ts";
import { type SuspendProblem, suspendWords } from "./suspend-words.ts";
import type { MemoryProblem } from "./machine-memory.ts";
import { memoryWords } from "./memory-words.ts";

export type SnapshotProblem =
  | SuspendProblem
  | MemoryProblem
  | { readonly kind: "no-machine"; readonly name: string; readonly isolation: string }
  | { readonly kind: "no-copies"; readonly name: string }
  | { readonly kind: "no-snapshot"; readonly name: string }
  | { readonly kind: "snapshot-failed"; readonly name: string; readonly because: string }
  | {
      readonly kind: "snapshot-no-room";
      readonly folder: string;
      readonly freeBytes: number;
      readonly neededBytes: number;
    };

const MEBIBYTE = 1024 * 1024;

/** @returns the sentence, and the way out */
export function snapshotWords(problem: SnapshotProblem): readonly [string, string] {
  switch (problem.kind) {
    case "machine-memory":
      return memoryWords(problem);
    case "no-machine":
      return [
        `${problem.name} has no machine of its own (isolation: ${problem.isolation})`,
        "write isolation: vm into its deployment, or start it as it is",
      ];
    case "no-copies":
      return [
        `the machine of ${problem.name} cannot be written down: it is a whole system, has ports to other machines, or runs in a program that cannot do it`,
        "start it without --clone",
      ];
    case "no-snapshot":
      return [`${problem.name} has no snapshot`, `skerry vm snapshot ${problem.name} makes one`];
    case "snapshot-failed":
      return [
        `the machine of ${problem.name} could not be written down: ${problem.because}`,
        "without --clone it boots as ever; skerry doctor shows what is amiss",
      ];
    case "snapshot-no-room":
      return [
        `${problem.folder} has room for ${Math.floor(problem.freeBytes / MEBIBYTE)} MiB, and a snapshot may take ${Math.ceil(problem.neededBytes / MEBIBYTE)}`,
        "make room (skerry purge --unused), and try again",
      ];
    case "cannot-suspend":
    case "not-suspended":
    case "is-suspended":
    case "suspend-failed":
      return suspendWords(problem);
    default:
      return unreachable(problem);
  }
}
