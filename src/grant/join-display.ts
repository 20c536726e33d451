/**
 * A display as a request: what each answer shows an app. Pure.
 *
 * `deny` leaves no socket, `fake` is a virtual screen of this instance's own, `real` the screen of its owner's session, and
 * `subset` of that one what its compositor gives to strangers: windows of its own. An app sees one socket at one place, so it
 * has one screen.
 */
import { type Contribution, DISPLAY_NAME, type Grant, isWithin, type ShownScreen } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";
import type { Effective } from "./join.ts";

type DisplayGets = Pick<Effective, "gets" | "contributions" | "warnings">;

export type DisplayProblem =
  /** Granted as it is in the session, and there is none, or it is no place that an app may be shown, or cannot be had in part. */
  | {
      readonly kind: "display-not-there";
      readonly deployment: string;
      readonly request: string;
      readonly because: "absent" | "skerrys" | "whole";
    }
  | {
      readonly kind: "displays-mixed";
      readonly deployment: string;
      readonly request: string;
      /** Another request that is granted. */
      readonly first: string;
    };

/** The screen of the owner's session, as it was found. */
export interface OwnScreen {
  readonly socket: string | undefined;
  /** Its compositor makes sockets as strangers have them. */
  readonly inPart: boolean;
  /** A socket of Skerry's own, made for this start. */
  readonly made?: boolean;
}

/**
 * @param answer - one that is served
 * @param ownScreen - if somebody has looked
 * @param through - the instance on whose screen its windows are, and not on that of the session
 * @param ownFolders - Skerry's own, whose sockets serve its owner
 */
export function joinDisplay(
  request: string,
  answer: Grant["answer"],
  deployment: string,
  ownScreen: OwnScreen | undefined,
  through: string | undefined,
  ownFolders: readonly string[],
): Result<DisplayGets, DisplayProblem> {
  const contributions = (screen: ShownScreen): readonly Contribution[] => [
    { kind: "display", request, screen },
    { kind: "variable", name: "WAYLAND_DISPLAY", value: DISPLAY_NAME },
  ];
  if (answer === "fake")
    return success({ gets: "a virtual screen of its own", contributions: contributions("virtual"), warnings: [] });
  if (through !== undefined)
    return success({
      gets: `windows of its own on the screen of ${through}`,
      contributions: contributions("part").map((one) => (one.kind === "display" ? { ...one, through } : one)),
      warnings: [],
    });
  const refused = (because: "absent" | "skerrys" | "whole") =>
    refusal({ kind: "display-not-there", deployment, request, because });
  if (ownScreen !== undefined) {
    const { socket, inPart, made = false } = ownScreen;
    if (socket === undefined) return refused("absent");
    if (!made && ownFolders.some((own) => isWithin(socket, own))) return refused("skerrys");
    if (answer === "subset" && !inPart) return refused("whole");
  }
  if (answer === "subset")
    return success({
      gets: "windows of its own on the screen of your session",
      contributions: contributions("part"),
      warnings: [],
    });
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
