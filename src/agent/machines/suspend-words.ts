/** Words for what cannot be suspended, or cannot go on. */
import type { NotSuspended } from "../../backends/index.ts";
import { unreachable } from "../../result.ts";

export type SuspendProblem =
  | { readonly kind: "cannot-suspend"; readonly name: string; readonly because: NotSuspended }
  | { readonly kind: "not-suspended"; readonly name: string }
  | { readonly kind: "is-suspended"; readonly name: string; readonly since: string }
  | {
      readonly kind: "suspend-failed";
      readonly name: string;
      readonly what: "suspend" | "resume";
      readonly because: string;
    };

/** @returns the sentence, and the way out */
export function suspendWords(problem: SuspendProblem): readonly [string, string] {
  const { name } = problem;
  switch (problem.kind) {
    case "cannot-suspend":
      return [`${name} cannot be suspended: ${reasonFor(problem.because)}`, `skerry freeze ${name} has it stand still`];
    case "not-suspended":
      return [`${name} is not suspended`, "skerry vm suspended lists what is"];
    case "is-suspended":
      return [
        `${name} was suspended at ${problem.since}, and only a start in the background goes on from there`,
        `skerry start ${name}; or skerry vm discard ${name}, which lets go of what it had in memory`,
      ];
    case "suspend-failed":
      return problem.what === "suspend"
        ? [`${name} was not suspended, and runs on: ${problem.because}`, `skerry stop ${name} ends it`]
        : [
            `${name} cannot go on from where it was suspended: ${problem.because}`,
            `skerry vm discard ${name} lets go of what it had in memory, and the next start boots`,
          ];
    default:
      return unreachable(problem);
  }
}

function reasonFor(because: NotSuspended): string {
  switch (because) {
    case "app":
      return "its machine runs an app of ours, whose streams would end (a recipe with guest: system can be)";
    case "disks":
      return "it is a system on disks of its own";
    case "provider":
      return "the ways of other machines may lead through it";
    case "card":
      return "it has a network card of this host's";
    case "secret":
      return "it has a secret in memory, which would come to the disk";
    case "vmm":
      return "the program that runs its machine cannot write it down";
    default:
      return unreachable(because);
  }
}
