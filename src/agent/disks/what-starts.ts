/**
 * What starts: whether the firmware of a machine can find anything on its disks, as far as that is known beforehand. Pure.
 *
 * Without it a machine with nothing but a new disk stands still with a line on its console, and says no more. Invariant: what
 * is not known to be of no use may start; only where each disk is known to be so, the start is refused.
 */
import type { LookedAt } from "../../image/index.ts";
import { escapeText, type OwnSystem } from "../../model/index.ts";
import { unreachable } from "../../result.ts";

type Firmware = OwnSystem["firmware"];

/** Why a disk starts nothing. `firmware`: the one that would. */
export type StartsNothing =
  | { readonly why: "blank" | "no-start"; readonly name: string }
  | { readonly why: "other-firmware"; readonly name: string; readonly firmware: Firmware };

export function startsNothing(
  name: string,
  { blank, starts }: Pick<LookedAt, "blank" | "starts">,
  firmware: Firmware,
): StartsNothing | undefined {
  if (blank) return { why: "blank", name };
  if (starts === undefined || starts[firmware]) return undefined;
  const other = firmware === "uefi" ? "bios" : "uefi";
  return starts[other] ? { why: "other-firmware", name, firmware: other } : { why: "no-start", name };
}

const SPOKEN = { bios: "BIOS", uefi: "UEFI" } as const;

/** @returns what is said of it, and the way out */
export function startWords(deployment: string, disks: readonly StartsNothing[]): readonly [string, string] {
  const each = disks.map((disk) => `"${escapeText(disk.name, 100)}" ${reasonOf(disk)}`);
  const edit = `(skerry edit ${deployment})`;
  const other = disks.find((disk) => disk.why === "other-firmware");
  return [
    `no disk of ${deployment} can start a machine: ${each.join("; ")}`,
    other === undefined
      ? `name the ISO of an installer under disks: ${edit}, such as install: { answer: subset, file: ~/images/netinst.iso }`
      : `copy the recipe to your own and write machine: { firmware: ${other.firmware} }, or name another ISO ${edit}`,
  ];
}

function reasonOf(disk: StartsNothing): string {
  switch (disk.why) {
    case "blank":
      return "is new, and nothing was written to it yet";
    case "no-start":
      return "is a CD from which no machine starts";
    case "other-firmware":
      return `is a CD for ${SPOKEN[disk.firmware]} alone, and the recipe's machine has ${SPOKEN[disk.firmware === "bios" ? "uefi" : "bios"]}`;
    default:
      return unreachable(disk);
  }
}
