/**
 * Finish folders: what an agent that was killed had begun to change in a running app's view is brought to an end by the next.
 *
 * It is taken away whole: who holds something of it is ended, and the app goes on without that folder. What the deployment
 * says now is given after that, as in any other change.
 *
 * Invariants
 * - The app goes on only once nobody in it holds what was being taken away; where that cannot be seen to, it is ended.
 * - Killed once more at any point, the next agent does all of it again.
 */
import {
  clearSlot,
  type Gone,
  holdersOf,
  type ProcessName,
  signalProcess,
  slotMount,
  stillSeeing,
  unstageView,
  type View,
} from "../../host/index.ts";
import { boots } from "../launch/machine.ts";
import { readInForce, startFolder, viewOf, writeInForce } from "./in-force.ts";
import { type ChangeAround, haveEnded } from "./live-folders.ts";
import { changeInMachine } from "./machine-slot.ts";
import { dropUnfinished, readUnfinished } from "./unfinished.ts";

/** @returns undefined where nothing was unfinished; else what became of the app */
export async function finishFolders(around: ChangeAround): Promise<"goes-on" | "ended" | undefined> {
  const { start, compartments, context } = around;
  const { spec } = start.record;
  const unfinished = await readUnfinished(spec, context);
  if (unfinished === undefined) return undefined;
  const { request, staging, gone, still } = unfinished;
  if (boots(start.record) && request !== undefined && gone !== undefined) {
    // A machine that stands still hears nothing.
    if (still) await compartments.freeze(spec.name, false);
    await changeInMachine(start, request, "hide-and-end");
  }
  if (still) await compartments.freeze(spec.name, true);
  const view = await viewOf(start, context);
  let holders: readonly ProcessName[] | undefined = [];
  if (view !== undefined) await unstageView(view, staging);
  if (request !== undefined) holders = await takeAway(request, gone, view, around);
  const restarts = around.onRevoke === "restart" && holders?.length !== 0;
  for (const holder of holders ?? []) signalProcess(holder, "SIGKILL");
  if (request !== undefined) {
    const folder = startFolder(spec, context);
    await writeInForce(folder, new Map([...(await readInForce(folder, context)), [request, []]]), context);
    const held = holders?.length ?? 0;
    await context.audit.append({
      kind: "live-change",
      instance: spec.name,
      id: spec.id,
      request,
      gets: "nothing",
      held,
    });
  }
  // A killed process ends when its group goes on.
  if (holders !== undefined && still) await compartments.freeze(spec.name, false);
  const all =
    holders !== undefined && (gone === undefined || view === undefined || (await haveEnded(view, holders, gone)));
  if (!all || restarts) {
    await compartments.kill(spec.name);
    return "ended";
  }
  await dropUnfinished(spec, context);
  return "goes-on";
}

/** @returns who holds something of it; undefined where it cannot be taken away, or nobody can tell */
async function takeAway(
  request: string,
  gone: Gone | undefined,
  view: View | undefined,
  { context }: ChangeAround,
): Promise<readonly ProcessName[] | undefined> {
  const slots = `${context.places.runtime}/slots`;
  const mount = view === undefined ? undefined : slotMount(view, slots, request);
  if (view === undefined || mount === undefined) return undefined;
  if ((await clearSlot(view, `${slots}/${request}`, mount)) !== undefined) return undefined;
  return gone === undefined ? [] : [...holdersOf(view.first, gone), ...stillSeeing(view.first, gone)];
}
