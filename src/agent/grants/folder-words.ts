/** Folder words: why a folder that was granted is not let in, and the way out. For explain.ts. */
import type { JoinProblem } from "../../grant/index.ts";
import { escapeText, MOST_CHOSEN_FILES } from "../../model/index.ts";
import { unreachable } from "../../result.ts";

type FolderProblem = Extract<JoinProblem, { readonly kind: `folder-${string}` | "too-many-files" }>;

export function folderWords(problem: FolderProblem): readonly [string, string] {
  switch (problem.kind) {
    case "folder-not-there":
      return [
        `${problem.deployment}: ${escapeText(problem.folder)}, granted as "${problem.request}", ${problem.type === "none" ? "does not exist" : "is no folder"}`,
        `make it, or name another folder (skerry edit ${problem.deployment})`,
      ];
    case "folder-is-skerrys":
      return [
        `${problem.deployment}: ${escapeText(problem.folder)}, granted as "${problem.request}", lies in Skerry's own ${problem.own}`,
        "an app that reaches it could give itself every right; grant another folder",
      ];
    case "folder-holds-link":
      return [
        `${problem.deployment}: ${escapeText(problem.folder)}, granted for writing as "${problem.request}", holds ${escapeText(problem.link)}, a link that leads to Skerry's own folders`,
        "an app could put another in its place; put a folder where the link is, or grant another folder",
      ];
    case "folder-holds-copies":
      return [
        `${problem.deployment}: ${escapeText(problem.folder)}, granted as a copy as "${problem.request}", holds ${problem.own}, where what is written to copies is kept`,
        "grant a folder below it, or answer subset or real",
      ];
    case "folder-holds-mount":
      return [
        `${problem.deployment}: ${escapeText(problem.folder)}, granted as a copy as "${problem.request}", has another file system below it, at ${escapeText(problem.mount)}`,
        "a copy would leave that out; grant a folder beside or below it, or answer subset or real",
      ];
    case "folder-is-systems":
      return [
        `${problem.deployment}: ${escapeText(problem.folder)}, granted as "${problem.request}", reaches ${escapeText(problem.system)}, through which the host itself is within reach`,
        "grant a folder below it that holds files alone",
      ];
    case "too-many-files":
      return [
        `${problem.deployment}: more than ${MOST_CHOSEN_FILES} files of ${escapeText(problem.folder)} match what is granted as "${problem.request}", or it holds more than is looked at`,
        `write narrower patterns, or grant the folder as subset or real (skerry edit ${problem.deployment})`,
      ];
    default:
      return unreachable(problem);
  }
}
