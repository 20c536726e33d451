/** Display: where an app finds the socket of its screen, the same for all apps and walls. */

/** As WAYLAND_DISPLAY says it: below the user's runtime folder inside. */
export const DISPLAY_NAME = "wayland-0";

/** The socket inside, for a user. */
export function displayInside(uid: number): string {
  return `/run/user/${uid}/${DISPLAY_NAME}`;
}
