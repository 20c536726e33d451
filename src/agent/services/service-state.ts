/**
 * Service state: what the agent keeps on the disk of an instance that was started in the background, so that a new agent
 * goes on where the one before it was.
 *
 * It counts for one session: as long as the runtime folder is there, which a reboot or the last log-out empties. A mark
 * in that folder tells one session from the next.
 */
import { randomBytes } from "node:crypto";
import { STOPPED, type Supervision } from "../../compartment/index.ts";
import type { RestartPolicy } from "../../model/index.ts";
import { type AgentContext, QUIET } from "../context.ts";
import type { WantedWords } from "../launch/wanted.ts";

export interface ServiceState {
  readonly name: string;
  /** The mark of the session in which it was written. */
  readonly session: string;
  /** What it was started with, and is started again with. */
  readonly words: WantedWords;
  /** As it was at the last start. */
  readonly policy: RestartPolicy;
  /** The start that is supervised; undefined where its end was seen to. */
  readonly id: string | undefined;
  readonly supervision: Supervision;
  /** Its owner has stopped it, and has not started it since. */
  readonly byOwner?: boolean;
}

type Context = Pick<AgentContext, "places" | "performer">;

function folder({ places }: Context): string {
  return `${places.state}/services`;
}

/** The session's mark, made where there is none. */
export async function sessionMark({ places, performer }: Context): Promise<string> {
  const path = `${places.runtime}/session`;
  const known = await performer.readText(path);
  if (known !== undefined && known !== "") return known;
  const content = randomBytes(16).toString("hex");
  await performer.perform({ kind: "write-file", path, mode: 0o600, content }, QUIET);
  return content;
}

/** What was kept. What is of an earlier session is down: whatever it was, it has ended with that session. */
export async function readServiceStates(context: Context, session: string): Promise<readonly ServiceState[]> {
  const states: ServiceState[] = [];
  for (const name of await context.performer.list(folder(context))) {
    if (!name.endsWith(".json")) continue;
    const state: ServiceState = JSON.parse((await context.performer.readText(`${folder(context)}/${name}`)) ?? "{}");
    states.push(state.session === session ? state : { ...state, id: undefined, supervision: STOPPED, byOwner: false });
  }
  return states;
}

export async function writeServiceState(state: ServiceState, context: Context): Promise<void> {
  const path = `${folder(context)}/${state.name}.json`;
  const content = JSON.stringify(state);
  await context.performer.perform({ kind: "write-file", path, mode: 0o600, content }, QUIET);
}

export async function removeServiceState(name: string, context: Context): Promise<void> {
  await context.performer.perform({ kind: "remove-tree", path: `${folder(context)}/${name}.json` }, QUIET);
}
