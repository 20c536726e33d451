/** Disk state words: why a snapshot of an instance's disks cannot be made, restored or removed, for its owner. */
import { Code } from "@connectrpc/connect";
import { escapeText } from "../../model/index.ts";
import { unreachable } from "../../result.ts";
import type { SnapshotAct } from "./disk-wall.ts";

export interface DiskStateProblem {
  readonly kind: "disk-state";
  /** The instance. */
  readonly name: string;
  readonly because:
    | { readonly fault: "no-system" | "none" | "busy" }
    | { readonly fault: "runs"; readonly act: SnapshotAct }
    | { readonly fault: "bad-label" | "label-taken"; readonly label: string }
    | { readonly fault: "no-label"; readonly label: string; readonly known: readonly string[] }
    /** It is of some of the disks that there are by now. */
    | { readonly fault: "in-part"; readonly label: string; readonly lacking: readonly string[] }
    | { readonly fault: "too-many"; readonly most: number }
    /** With one more, its disks could take that much. */
    | { readonly fault: "beyond-limit"; readonly bytes: number; readonly limitBytes: number }
    /** A restore has ended before it was done with all disks. */
    | { readonly fault: "half-restored"; readonly label: string };
}

export function explainDiskState({ name, because }: DiskStateProblem): { readonly code: Code; readonly text: string } {
  return { code: Code.FailedPrecondition, text: linesOf(name, because).join("\n  ") };
}

const DONE = { snapshot: "no snapshot was made", restore: "nothing was restored", forget: "nothing was removed" };

function linesOf(name: string, because: DiskStateProblem["because"]): readonly [string, string] {
  switch (because.fault) {
    case "no-system":
      return [
        `${name} is no system of its own (image: disk), and has no disks`,
        `skerry vm snapshot ${name} is for the machine of an app`,
      ];
    case "none":
      return [
        `${name} has no disk of its own yet`,
        "those with the answer copy or empty are made by its first start; of your own files (real, subset) make copies yourself",
      ];
    case "busy":
      return [`the disks of ${name} are being worked on at this moment`, "wait until that has ended, and try again"];
    case "runs":
      return [`${name} runs, and writes its disks; ${DONE[because.act]}`, `end it first: skerry stop ${name}`];
    case "bad-label":
      return [
        `"${escapeText(because.label, 80)}" is no label for a snapshot`,
        "a label begins with a small letter and has at most 40 small letters, digits and dashes",
      ];
    case "label-taken":
      return [
        `the disks of ${name} have a snapshot "${because.label}" already`,
        `take another label, or remove that one: skerry disk forget ${name} ${because.label}`,
      ];
    case "no-label":
      return [
        `the disks of ${name} have no snapshot "${escapeText(because.label, 80)}"`,
        because.known.length === 0 ? "they have none at all" : `they have ${because.known.join(", ")}`,
      ];
    case "in-part":
      return [
        `the snapshot "${because.label}" of ${name} does not hold ${because.lacking.join(", ")}, and its disks would be of different times`,
        `take another one (skerry disk snapshots ${name}), or answer those disks with deny`,
      ];
    case "too-many":
      return [
        `the disks of ${name} have ${because.most} snapshots, and that is the most`,
        `remove one: skerry disk forget ${name} LABEL`,
      ];
    case "beyond-limit":
      return [
        `with one snapshot more the disks of ${name} could take ${Math.ceil(because.bytes / 2 ** 20)} MiB, and its limit on disk is ${because.limitBytes / 2 ** 20} MiB; no snapshot was made`,
        `remove one (skerry disk forget ${name} LABEL), or write a larger limit (skerry edit ${name})`,
      ];
    case "half-restored":
      return [
        `the disks of ${name} are of different times: they were being brought back to "${because.label}", and that came to no end`,
        `end it: skerry disk restore ${name} ${because.label}`,
      ];
    default:
      return unreachable(because);
  }
}
