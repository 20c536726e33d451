/**
 * Own screen: the socket of the display server of the owner's session, as WAYLAND_DISPLAY names it there. It is looked for
 * only where a display is granted on it, and asked what it can only where that matters.
 */
import type { ScreenSocket, WayFiles } from "../../backends/index.ts";
import type { OwnScreen } from "../../grant/index.ts";
import { findPath, screenGlobals } from "../../host/index.ts";
import {
  type Answer,
  type CompartmentSpec,
  type Grant,
  type Deployment,
  isCleanAbsolutePath,
  isOfSession,
  isWithin,
  type Places,
  type Recipe,
} from "../../model/index.ts";
import type { AgentContext } from "../context.ts";
import { environmentOfProcess } from "../grants/session-variables.ts";
import { seatsFolder } from "./seats.ts";

/** What a compositor has that makes a socket as strangers have it. */
const IN_PART = "wp_security_context_manager_v1";

/**
 * @param shows - of a compartment that stands between an app and the screen: the socket, which was looked at for the app
 * @returns undefined where nobody has to look
 */
export async function ownScreen(
  recipe: Pick<Recipe, "requests">,
  { requests, answers }: Pick<Deployment, "requests" | "answers">,
  { session, dry }: { readonly session?: number | undefined; readonly dry: boolean },
  shows: string | undefined,
  { performer }: Pick<AgentContext, "performer">,
): Promise<OwnScreen | undefined> {
  const displays = Object.entries({ ...recipe.requests, ...requests }).flatMap(([name, { service }]) =>
    service === "display" && Object.hasOwn(answers, name) ? ofSession(answers[name]) : [],
  );
  if (displays.length === 0 || dry) return undefined;
  if (shows !== undefined) return { socket: shows, inPart: false, made: true };
  const environment = session === undefined ? process.env : await environmentOfProcess(session, performer);
  const { WAYLAND_DISPLAY: display = "", XDG_RUNTIME_DIR: runtime = "" } = environment;
  const path = display.startsWith("/") ? display : `${runtime}/${display}`;
  if (display === "" || !isCleanAbsolutePath(path)) return { socket: undefined, inPart: false };
  const { real, type } = await findPath(path);
  if (real === undefined || type !== "other") return { socket: undefined, inPart: false };
  const inPart = displays.includes("subset") && (await screenGlobals(real))?.has(IN_PART) === true;
  return { socket: real, inPart };
}

function ofSession(grant: Grant | undefined): readonly Answer[] {
  return grant !== undefined && isOfSession(grant.answer) && grant.through === undefined ? [grant.answer] : [];
}

/**
 * The session's socket, where it goes into a compartment as it is. What is had in part, and from a machine, has something in
 * front of it that a start brings up.
 */
export function screenAsItIs(
  { contributions }: Pick<CompartmentSpec, "contributions">,
  inMachine: boolean,
  socket: string | undefined,
  places: Places,
): ScreenSocket | undefined {
  const whole = contributions.some((one) => one.kind === "display" && one.screen === "own");
  if (!whole || inMachine || socket === undefined) return undefined;
  const cut = socket.lastIndexOf("/");
  const folder = socket.slice(0, cut) || "/";
  // An agent that comes later listens there anew.
  return { folder, name: socket.slice(cut + 1), renewed: isWithin(folder, seatsFolder(places)) };
}

/** In a plan that starts nothing. */
export const PLANNED_SCREEN: ScreenSocket = { folder: "/SCREEN", name: "SOCKET" };

export const PLANNED_WAY: WayFiles = { disks: ["/SCREEN/DISK"], command: ["/WAY"] };
