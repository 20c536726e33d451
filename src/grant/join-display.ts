/**
 * A display as a request: what each answer shows an app. Pure.
 *
 * `deny` leaves no socket, `fake` is a virtual screen of this instance's own, `real` the screen of its owner's session. An
 * app sees one socket at one place, so it has one screen.
 */
import { type Contribution, DISPLAY_NAME, type Grant, isWithin } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";
import type { Effective } from "./join.ts";

type DisplayGets = Pick<Effective, "gets" | "contributions" | "warnings">;

export type DisplayProblem =
  /** Granted as it is in the session, and there is none, or it is no place that an app may be shown. */
  | {
      readonly kind: "display-not-there";
      readonly deployment: string;
      readonly request: string;
      readonly because: "absent" | "skerrys";
    }
  | {
      readonly kind: "displays-mixed";
      readonly deployment: string;
      readonly request: string;
      /** Another request that is granted. */
      readonly first: string;
    };

/**
 * @param answer - one that is served
 * @param ownScreen - socket of the owner's session, if somebody has looked
 * @param ownFolders - Skerry's own, whose sockets serve its owner
 */
export function joinDisplay(
  request: string,
  answer: Grant["answer"],
  deployment: string,
  ownScreen: { readonly socket: string | undefined } | undefined,
  ownFolders: readonly string[],
): Result<DisplayGets, DisplayProblem> {
  const contributions = (screen: "virtual" | "own"): readonly Contribution[] => [
    { kind: "display", request, screen },
    { kind: "variable", name: "WAYLAND_DISPLAY", value: DISPLAY_NAME },
  ];
  if (answer === "fake")
    return success({ gets: "a virtual screen of its own", contributions: contributions("virtual"), warnings: [] });
  const refused = (because: "absent" | "skerrys") =>
    refusal({ kind: "display-not-there", deployment, request, because });
  if (ownScreen !== undefined) {
    const { socket } = ownScreen;
    if (socket === undefined) return refused("absent");
    if (ownFolders.some((own) => isWithin(socket, own))) return refused("skerrys");
  }
  return success({
    gets: "the screen of your session",
    contributions: contributions("own"),
    warnings: [
      `${request} is the socket of your own screen: with many desktops it shows all windows, and lets into them`,
    ],
  });
}

export function displayTwice(effective: readonly Effective[], deployment: string): DisplayProblem | undefined {
  const [first, second] = effective.filter(({ contributions }) => contributions.some(({ kind }) => kind === "display"));
  if (first === undefined || second === undefined) return undefined;
  return { kind: "displays-mixed", deployment, request: second.request, first: first.request };
}
