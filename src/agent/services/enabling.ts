/** Enabling: an instance that is to run from boot or log-in on, by its deployment and, where it runs, a unit of systemd. */
import { setValue } from "../../descriptor/index.ts";
import { type Result, success } from "../../result.ts";
import { findDeployment } from "../catalogue.ts";
import type { AgentContext } from "../context.ts";
import type { AgentProblem } from "../explain.ts";
import { removeUnits, writeUnits } from "./session-files.ts";

export interface Enabled {
  readonly file: string;
  /** Paths of the units that were written. */
  readonly units: readonly string[];
}

/**
 * @param units - whether units of systemd are wanted
 * @param save - keeps the deployment's new text
 */
export async function setEnabled(
  name: string,
  on: boolean,
  units: boolean,
  context: AgentContext,
  save: (text: string) => Promise<Result<unknown, AgentProblem>>,
): Promise<Result<Enabled, AgentProblem>> {
  const found = await findDeployment(name, context);
  if (!found.ok) return found;
  const { file, text, thing } = found.value;
  if (thing.service.autostart !== on) {
    const changed = setValue(text, file, ["autostart"], on);
    if (!changed.ok) return changed;
    const saved = await save(changed.value);
    if (!saved.ok) return saved;
  }
  if (!on) {
    const removed = await removeUnits(name, context);
    return removed.ok ? success({ file, units: [] }) : removed;
  }
  if (!units) return success({ file, units: [] });
  const written = await writeUnits(thing, context);
  return written.ok ? success({ file, units: written.value }) : written;
}
