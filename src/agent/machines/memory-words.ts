/** Memory words: why the memory of a machine cannot be seen or changed, for its owner. */
import { escapeText } from "../../model/index.ts";
import { unreachable } from "../../result.ts";
import type { MemoryProblem } from "./machine-memory.ts";

/** @returns the sentence, and the way out */
export function memoryWords({ name, because }: MemoryProblem): readonly [string, string] {
  switch (because.fault) {
    case "own-system":
      return [
        `${name} is a system of its own, which cannot be asked for memory`,
        "write limits: memory into its deployment, and start it again",
      ];
    case "out-of-range":
      return [
        `the machine of ${name} can have ${because.leastMiB} MiB to ${because.mostMiB} MiB, which it was started with`,
        `write another limit (skerry edit ${name}: limits: { memory }), and start it again`,
      ];
    case "not-said":
      return [
        `the memory of ${name} cannot be seen or changed: ${escapeText(because.because, 300)}`,
        "a machine that went on from a snapshot has its memory for good; start it without --clone",
      ];
    default:
      return unreachable(because);
  }
}
