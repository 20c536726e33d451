/**
 * The monitor behind the outer wall: its files there, and the words that start it.
 *
 * Where bundles were made (tools/bundle.ts) it is one file, which Node reads in a third of the time; else its sources.
 * Invariant: only the monitor that is started is shown, and nothing of Skerry beside it.
 */
import type { MachineFiles } from "../backend.ts";

type MonitorName = "main" | "service" | "system";

/** A file of the host's, and where it is seen behind the outer wall. */
export interface Shown {
  readonly file: string;
  readonly inside: string;
}

/** @param sources - of this monitor, in `src/host/monitor/` */
export function monitorFiles(
  { node, program, monitors }: MachineFiles,
  name: MonitorName,
  sources: readonly string[],
  folder: string,
): readonly Shown[] {
  const own = { file: node, inside: `${folder}/node` };
  if (monitors !== undefined)
    return [own, { file: `${monitors}/${name}.mjs`, inside: `${folder}/monitor/${name}.mjs` }];
  return [
    own,
    ...sources.map((file) => ({ file: `${program}/src/host/monitor/${file}`, inside: `${folder}/monitor/${file}` })),
    { file: `${program}/package.json`, inside: `${folder}/package.json` },
  ];
}

export function monitorCommand({ monitors }: MachineFiles, name: MonitorName, folder: string): readonly string[] {
  const file = monitors === undefined ? `${name}.ts` : `${name}.mjs`;
  return [`${folder}/node`, "--disable-warning=ExperimentalWarning", `${folder}/monitor/${file}`];
}
