/**
 * In force: what a running compartment gets for the requests that were changed since its start. It lies in the start's
 * folder and goes with it.
 */
import { HOME_INSIDE, readStatus } from "../../compartment/index.ts";
import type { View } from "../../host/index.ts";
import { type CompartmentSpec, type Contribution, isWithin } from "../../model/index.ts";
import type { Start } from "../start-record.ts";
import { type AgentContext, QUIET } from "../context.ts";

export type InForce = ReadonlyMap<string, readonly Contribution[]>;

export async function readInForce(folder: string, { performer }: AgentContext): Promise<InForce> {
  const text = await performer.readText(`${folder}/in-force.json`);
  if (text === undefined) return new Map();
  const written: Record<string, readonly Contribution[]> = JSON.parse(text);
  return new Map(Object.entries(written));
}

export type Slot = Extract<Contribution, { kind: "slot" }>;

/** What a request had at the start: all that lies at or below its place. */
export function grantedAt(slot: Slot, contributions: readonly Contribution[]): readonly Contribution[] {
  return contributions.filter((one) => one.kind !== "slot" && "target" in one && isWithin(one.target, slot.target));
}

/** How a running compartment is reached from outside; undefined where its wall has ended. */
export async function viewOf({ child, record }: Start, context: AgentContext): Promise<View | undefined> {
  const path = `${startFolder(record.spec, context)}/status`;
  const { wallPid, startTicks } = readStatus((await context.performer.readText(path)) ?? "");
  if (child === undefined || wallPid === undefined || startTicks === undefined) return undefined;
  return { wall: { pid: wallPid, startTicks }, first: child, asRoot: context.facts.uid === 0 };
}

/** Where a program begins that enters now: not in a folder that has been taken away. */
export async function directoryNow(spec: CompartmentSpec, context: AgentContext): Promise<string> {
  const inForce = await readInForce(startFolder(spec, context), context);
  const shut = spec.contributions.some(
    (one) => one.kind === "slot" && isWithin(spec.directory, one.target) && inForce.get(one.request)?.length === 0,
  );
  return shut ? HOME_INSIDE : spec.directory;
}

/** Where a start has its files. */
export function startFolder({ id }: CompartmentSpec, { places }: AgentContext): string {
  return `${places.runtime}/compartments/${id}`;
}

export async function writeInForce(folder: string, inForce: InForce, { performer }: AgentContext): Promise<void> {
  const content = JSON.stringify(Object.fromEntries(inForce));
  const path = `${folder}/in-force.json`;
  const done = await performer.perform({ kind: "write-file", path, mode: 0o600, content }, QUIET);
  if (!done.ok) throw new Error(`${path} could not be written`);
}
