/**
 * What Skerry itself remembers of an instance: its machine id and, when Skerry runs as root, the user it runs as.
 *
 * Kept as long as the instance's volumes: files in them belong to that user.
 */
import { randomBytes } from "node:crypto";
import type { CompartmentUser } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";
import type { StepProblem } from "../step/index.ts";
import { type AgentContext, QUIET } from "./context.ts";

export interface InstanceState {
  /** 32 lower-case hexadecimal digits (machine-id(5)). */
  readonly machineId: string;
  /** Undefined for an instance of an ordinary user, which runs as that user. */
  readonly uid: number | undefined;
}

export interface NoIdsLeft {
  readonly kind: "no-ids-left";
  readonly user: string;
}

/** Ids at the end of root's subordinate range are for instances; those at its start are for the files of images. */
const IDS_FOR_INSTANCES = 4096;

export function instanceStateFile({ places }: Pick<AgentContext, "places">, name: string): string {
  return `${places.state}/instances/${name}.json`;
}

export async function readInstanceState(name: string, context: AgentContext): Promise<InstanceState | undefined> {
  const text = await context.performer.readText(instanceStateFile(context, name));
  return text === undefined ? undefined : JSON.parse(text);
}

type StateResult = Result<InstanceState, StepProblem | NoIdsLeft>;

let last: Promise<unknown> = Promise.resolve();

/**
 * The instance's state, made when it is not there yet.
 *
 * One after the other: two that are made at once would be given the same free id, and could then reach each other.
 */
export async function instanceState(name: string, context: AgentContext): Promise<StateResult> {
  const mine = last.then(async () => await readOrMake(name, context));
  last = mine.catch(() => {});
  return await mine;
}

async function readOrMake(name: string, context: AgentContext): Promise<StateResult> {
  const kept = await readInstanceState(name, context);
  if (kept !== undefined) return success(kept);
  const machineId = randomBytes(16).toString("hex");
  const uid = context.facts.uid === 0 ? await freeId(context) : success(undefined);
  if (!uid.ok) return uid;
  const state: InstanceState = { machineId, uid: uid.value };
  const path = instanceStateFile(context, name);
  const written = await context.performer.perform(
    { kind: "write-file", path, mode: 0o600, content: JSON.stringify(state) },
    QUIET,
  );
  return written.ok ? success(state) : written;
}

/** Whom the app's processes are. */
export function userOf(state: InstanceState, { facts }: AgentContext): CompartmentUser {
  if (state.uid === undefined) return { uid: facts.uid, gid: facts.gid, allocated: false };
  return { uid: state.uid, gid: state.uid, allocated: true };
}

async function freeId(context: AgentContext): Promise<Result<number, NoIdsLeft>> {
  const { performer, places, facts } = context;
  const taken = new Set<number>();
  for (const name of await performer.list(`${places.state}/instances`)) {
    const state = await readInstanceState(name.replace(/\.json$/, ""), context);
    if (state?.uid !== undefined) taken.add(state.uid);
  }
  const ids = facts.subordinateIds?.uid;
  const last = ids === undefined ? -1 : ids.first + ids.count - 1;
  for (let uid = last; uid > last - IDS_FOR_INSTANCES && uid > (ids?.first ?? 0); uid--) {
    if (!taken.has(uid)) return success(uid);
  }
  return refusal({ kind: "no-ids-left", user: facts.user });
}
