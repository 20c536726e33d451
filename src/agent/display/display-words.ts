/** Display words: problems with screens, as a text for a person. */
import type { DisplayProblem } from "../../grant/index.ts";
import { unreachable } from "../../result.ts";
import type { CatalogueProblem } from "../catalogue.ts";
import { type AgentProblem, explain } from "../explain.ts";
import type { LedProblem } from "./seats.ts";

export type ScreenProblem =
  /** The screen that it was granted could not be brought up. */
  | { readonly kind: "screen-fails"; readonly name: string; readonly because: AgentProblem }
  /** Its recipe does not say where its socket is, or how a picture is taken. */
  | { readonly kind: "screen-unfit"; readonly recipe: string; readonly lacks: "socket" | "picture" | "way" }
  | { readonly kind: "no-screen"; readonly name: string }
  /** Its windows are to be on the screen of an instance that has none for others. */
  | Exclude<LedProblem, CatalogueProblem>;

/** What is wrong, and the way out. */
export function displayWords(problem: DisplayProblem | ScreenProblem): readonly [string, string] {
  switch (problem.kind) {
    case "display-not-there": {
      const { deployment, request, because } = problem;
      return because === "absent"
        ? [
            `"${request}" of ${deployment} is granted on the screen of your session, and WAYLAND_DISPLAY names no socket there`,
            `start it from a Wayland session, or answer ${request} with fake: a virtual screen`,
          ]
        : because === "whole"
          ? [
              `"${request}" of ${deployment} is granted as windows of its own, and your compositor makes no socket for those alone (wp_security_context_v1)`,
              `answer ${request} with fake: a virtual screen; or take a compositor that does, such as sway from version 1.9 on`,
            ]
          : [
              `"${request}" of ${deployment}: WAYLAND_DISPLAY names a socket in a folder of Skerry's own, which is no screen`,
              "set WAYLAND_DISPLAY to the socket of your compositor",
            ];
    }
    case "displays-mixed":
      return [
        `${problem.deployment} is granted two displays, "${problem.first}" and "${problem.request}", and an app has one screen`,
        `answer one of them with deny: skerry grant ${problem.deployment} ${problem.request}=deny`,
      ];
    case "screen-fails":
      return [
        `the virtual screen of ${problem.name} could not be brought up: ${explain(problem.because).text}`,
        `answer its display with deny, or see what is wrong with the screen: skerry run virtual-screen`,
      ];
    case "screen-unfit":
      return [
        `the recipe ${problem.recipe} ${problem.lacks === "socket" ? "names no socket as the file by which it is ready, in a volume of its own" : `has no program called ${problem.lacks}`}`,
        `skerry recipe check ${problem.recipe} reads it; one of your own takes the place of the catalogue's`,
      ];
    case "provides-no-display":
      return [
        `the windows of ${problem.name} are to be on the screen of ${problem.through}, which provides no display`,
        "name an instance of a recipe that provides: [display] and has a program called join, such as gui-vm",
      ];
    case "no-screen":
      return [
        `${problem.name} has no virtual screen, and a picture is taken of those alone`,
        `answer its display with fake and start it again: skerry grant ${problem.name} display=fake`,
      ];
    default:
      return unreachable(problem);
  }
}
