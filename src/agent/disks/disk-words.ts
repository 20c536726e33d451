/** Disk words: why a system of its own cannot have a disk, for its owner. */
import { Code } from "@connectrpc/connect";
import type { ImageProblem } from "../../image/index.ts";
import { escapeText } from "../../model/index.ts";
import { unreachable } from "../../result.ts";
import type { DiskProblem } from "./find-disks.ts";
import { startWords } from "./what-starts.ts";
import { seedWords } from "./seed-words.ts";

type Worded =
  | Extract<DiskProblem, { readonly kind: "bad-disk" | "bad-seed" | "disks-astray" | "nothing-starts" }>
  | Extract<ImageProblem, { readonly kind: "own-system" }>;

export function explainDisk(problem: Worded): { readonly code: Code; readonly text: string } {
  const lines = linesOf(problem);
  return { code: Code.FailedPrecondition, text: lines.join("\n  ") };
}

function linesOf(problem: Worded): readonly [string, string] {
  switch (problem.kind) {
    case "own-system":
      return [
        `${problem.recipe} is a system of its own: what it is made of is on its disks, and there is nothing to build or lock`,
        "its own tools keep it current",
      ];
    case "disks-astray":
      return problem.because === "none"
        ? [
            `${problem.deployment} is a system of its own, and no disk is named that it could boot from`,
            `write under disks: in deployments/${problem.deployment}.yaml (skerry edit ${problem.deployment}): system: { answer: copy, file: ~/images/debian.qcow2 }`,
          ]
        : [
            `deployments/${problem.deployment}.yaml names disks or data for cloud-init, and its recipe is no system of its own (image: disk)`,
            `take disks: and cloud-init: out (skerry edit ${problem.deployment}); an app gets folders, by requests`,
          ];
    case "nothing-starts":
      return startWords(problem.deployment, problem.disks);
    case "bad-seed":
      return seedWords(problem);
    case "bad-disk":
      return badDisk(problem);
    default:
      return unreachable(problem);
  }
}

function badDisk(problem: Extract<Worded, { readonly kind: "bad-disk" }>): readonly [string, string] {
  const { deployment, disk, because } = problem;
  const what = `the disk "${disk}" of ${deployment}`;
  const file = escapeText(problem.file, 500);
  const edit = `(skerry edit ${deployment})`;
  switch (because.fault) {
    case "not-there":
      return [`${what}: there is no ${file}`, `name a file that is there ${edit}`];
    case "no-file":
      return [`${what}: ${file} is no plain file`, `folders and devices cannot be disks; name a file ${edit}`];
    case "skerrys":
      return [
        `${what}: ${file} lies in Skerry's own folders`,
        `move it to a folder of yours, and name it there ${edit}`,
      ];
    case "not-writable":
      return [
        `${what}: ${file} is to be written (real), and you may not write it`,
        `write copy instead of real ${edit}`,
      ];
    case "unreadable":
      return [`${what}: you may not read ${file}`, `let whom it belongs to allow it, or name a file of yours ${edit}`];
    case "open-to-others": {
      const place = escapeText(because.place, 500);
      return [
        `${what}: everybody on this host may write ${place === file ? file : `${place}, in which ${file} lies`}, and so decides what it starts`,
        `chmod o-w takes that away; or keep it in a folder of yours, and name it there ${edit}`,
      ];
    }
    case "changed":
      return [
        `${what}: ${file} is another file than the one that the copy was begun on, or was changed since; what was written to the copy does not fit it`,
        `put the file back as it was, or give the disk another name, which begins a new copy (skerry edit ${deployment})`,
      ];
    case "own":
      return [
        `${what}: its own file ${file} does not fit what is written now, or was tampered with`,
        `write the answer as it was, or give the disk another name (skerry edit ${deployment})`,
      ];
    case "no-image":
      return [
        `${what}: ${file} is no disk image that can be used: ${because.because}`,
        "qemu-img check FILE says more",
      ];
    case "names-another": {
      const other = because.other === undefined ? "another file for its content" : escapeText(because.other, 300);
      return [
        `${what}: ${file} names ${because.other === undefined ? other : `the file below it, "${other}"`}; a disk image must not lead to other files of this host`,
        "where you trust it, make one image of both: qemu-img convert -O qcow2 FILE WHOLE.qcow2",
      ];
    }
    case "cut-off":
      return [
        `${what}: the end of ${file} is missing: it should have ${because.leastBytes} bytes at least, and has ${because.bytes}`,
        "fetch it again, and compare its checksum",
      ];
    case "looks-like":
      return [
        `${what}: ${file} begins as a ${because.format} image does, and would be read as raw`,
        `write format: ${because.format}, or format: raw where that is meant ${edit}`,
      ];
    default:
      return unreachable(because);
  }
}
