/** Display: where an app finds the socket of its screen, the same for all apps and walls, and which screens there are. */
import type { Answer } from "./answer.ts";

/** A private one of Skerry's; that of its owner's session; or of that one what a stranger may have, for its own windows. */
export type ShownScreen = "virtual" | "own" | "part";

/** As WAYLAND_DISPLAY says it: below the user's runtime folder inside. */
export const DISPLAY_NAME = "wayland-0";

/** The socket inside, for a user. */
export function displayInside(uid: number): string {
  return `/run/user/${uid}/${DISPLAY_NAME}`;
}

/** Whether a display that is so answered is on the screen of the owner's session. */
export function isOfSession(answer: Answer): boolean {
  return answer === "real" || answer === "subset";
}
