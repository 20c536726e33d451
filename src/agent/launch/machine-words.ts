/** Words for what virtual machines cannot do, or not here. */
import type { BackendProblem } from "../../backends/index.ts";
import type { GuestProblem } from "../../image/index.ts";
import { unreachable } from "../../result.ts";
import type { CannotEnter, MachineProblem } from "./machine.ts";

type Worded = Extract<
  MachineProblem | GuestProblem | BackendProblem | CannotEnter,
  { readonly kind: "no-guest" | "vmm-lacks" | "machine-full" | "cannot-see-ready" | "cannot-enter" }
>;

/** @returns the sentence, and the way out */
export function machineWords(problem: Worded): readonly [string, string] {
  switch (problem.kind) {
    case "no-guest":
      return [
        `${problem.base} has no kernel for virtual machines on ${problem.architecture}`,
        "choose another base (skerry migrate), or isolation: container",
      ];
    case "vmm-lacks":
      return [
        `${problem.vmm} cannot ${problem.lacks.join(", nor ")}`,
        "take `vmm` out of the deployment: QEMU can, and is the default",
      ];
    case "machine-full":
      return [
        `layers and folders come to ${problem.wanted}, and a machine of ${problem.backend} has places for ${problem.limit}`,
        "grant fewer folders, or choose isolation: container",
      ];
    case "cannot-see-ready":
      return [
        `${problem.backend} cannot see whether ${problem.deployment} is ready`,
        "take `ready:` out of its deployment, or choose isolation: container",
      ];
    case "cannot-enter":
      return [
        `${problem.name} runs in a machine of its own (isolation: ${problem.backend}), which no program can be run in later`,
        "run it as the instance's own program, or choose isolation: container",
      ];
    default:
      return unreachable(problem);
  }
}
