/** Disk work: what `disk snapshot`, `disk restore` and `disk forget` have in common. */
import type { DiskSnapshotJson, WorkOnDisksResponseJson } from "../contract/index.ts";
import { follow } from "./ask-agent.ts";
import { JSON_FLAG } from "./command.ts";
import { EXIT } from "./exit.ts";
import { proposeDeployments } from "./names.ts";
import { print, printJson } from "./print.ts";
import { QUIET_FLAG } from "./wanted-flags.ts";
import type { World } from "./world.ts";

export interface DiskFlags {
  readonly quiet: boolean;
  readonly json: boolean;
}

export const DISK_FLAGS = { quiet: QUIET_FLAG, json: JSON_FLAG } as const;

export const INSTANCE_WORD = {
  ...{ parse: String, brief: "Name of the instance.", placeholder: "NAME" },
  proposeCompletions: proposeDeployments,
} as const;

export const LABEL_WORD = { parse: String, brief: "Label of the snapshot.", placeholder: "LABEL" } as const;

interface DiskWork {
  readonly name: string;
  readonly act: "snapshot" | "restore" | "forget";
  readonly label: string;
}

/** @param words - what a person is told, of the snapshot and its disks */
export async function workOnDisks(
  world: World,
  { quiet, json }: DiskFlags,
  wanted: DiskWork,
  words: (snapshot: Required<Pick<DiskSnapshotJson, "name" | "label">>, disks: string) => string,
): Promise<number> {
  const done = await follow<WorkOnDisksResponseJson>(world, "DiskService/WorkOnDisks", { ...wanted }, quiet);
  if (!done.ok) return done.problem.exit;
  const snapshot = done.value.done ?? {};
  const { name = "", label = "", disks = [] } = snapshot;
  if (json) printJson(world, snapshot);
  else print(world, words({ name, label }, disks.join(", ")));
  return EXIT.done;
}
