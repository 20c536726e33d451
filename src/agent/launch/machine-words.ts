/** Words for what virtual machines cannot do, or not here. */
import { type BackendProblem, MOST_STATIONS } from "../../backends/index.ts";
import type { GuestProblem } from "../../image/index.ts";
import { escapeText } from "../../model/index.ts";
import { unreachable } from "../../result.ts";
import type { PortProblem } from "../network/stations.ts";
import type { CannotEnter, MachineProblem } from "./machine.ts";

type Worded = Extract<
  MachineProblem | GuestProblem | BackendProblem | CannotEnter | PortProblem,
  {
    readonly kind:
      | ("no-guest" | "vmm-lacks" | "machine-full" | "cannot-see-ready" | "cannot-enter")
      | ("needs-machine" | "provides-no-network" | "ports-taken" | "same-tag");
  }
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
        `${problem.name} is a system on disks of its own (isolation: ${problem.backend}), which no program can be run in later`,
        "start it on a terminal, which is its console then (skerry run)",
      ];
    case "needs-machine":
      return [
        problem.what === "system"
          ? `${problem.name} is a system of its own, which ${problem.backend} cannot start`
          : `${problem.name} has a part in a network of machines, which ${problem.backend} cannot join`,
        "write isolation: vm into its deployment",
      ];
    case "same-tag":
      return [
        `${problem.name} would have ${problem.places.length} folders of one name, "${escapeText(problem.tag, 80)}", and a system of its own finds them by that: ${problem.places.map((place) => escapeText(place, 200)).join(", ")}`,
        "write an inside: for one of the requests that ends in another name",
      ];
    case "provides-no-network":
      return [
        `the way of ${problem.name} leads through ${problem.through}, which ${problem.because === "wall" ? "is no virtual machine" : "provides no network"}`,
        problem.because === "wall"
          ? `write isolation: vm into the deployment of ${problem.through}`
          : `name an instance of a recipe that provides: [network], such as net-vm`,
      ];
    case "ports-taken":
      return [
        `${problem.through} has no port left for ${problem.name}: it has ${MOST_STATIONS} of them`,
        "undeploy an instance that goes through it, or deploy another provider",
      ];
    default:
      return unreachable(problem);
  }
}
