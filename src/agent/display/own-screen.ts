/**
 * Own screen: the socket of the display server of the owner's session, as WAYLAND_DISPLAY names it there. It is looked for
 * only where a display is granted as it is.
 */
import type { ScreenSocket, WayFiles } from "../../backends/index.ts";
import { findPath } from "../../host/index.ts";
import { type Deployment, isCleanAbsolutePath, type Recipe } from "../../model/index.ts";
import type { AgentContext } from "../context.ts";
import { environmentOfProcess } from "../grants/session-variables.ts";

/** @returns undefined where nobody has to look */
export async function ownScreen(
  recipe: Pick<Recipe, "requests">,
  { requests, answers }: Pick<Deployment, "requests" | "answers">,
  { session, dry }: { readonly session?: number | undefined; readonly dry: boolean },
  { performer }: Pick<AgentContext, "performer">,
): Promise<{ readonly socket: string | undefined } | undefined> {
  const granted = Object.entries({ ...recipe.requests, ...requests }).some(
    ([name, { service }]) => service === "display" && Object.hasOwn(answers, name) && answers[name]?.answer === "real",
  );
  if (!granted || dry) return undefined;
  const environment = session === undefined ? process.env : await environmentOfProcess(session, performer);
  const { WAYLAND_DISPLAY: display = "", XDG_RUNTIME_DIR: runtime = "" } = environment;
  const path = display.startsWith("/") ? display : `${runtime}/${display}`;
  if (display === "" || !isCleanAbsolutePath(path)) return { socket: undefined };
  const { real, type } = await findPath(path);
  return { socket: type === "other" ? real : undefined };
}

export function placeOf(socket: string): ScreenSocket {
  const cut = socket.lastIndexOf("/");
  return { folder: socket.slice(0, cut) || "/", name: socket.slice(cut + 1) };
}

/** In a plan that starts nothing. */
export const PLANNED_SCREEN: ScreenSocket = { folder: "/SCREEN", name: "SOCKET" };

export const PLANNED_WAY: WayFiles = { disks: ["/SCREEN/DISK"], command: ["/WAY"] };
