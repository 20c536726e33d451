/** A change of folders in a running app whose agent is killed: in a container and in a machine. */
import { existsSync, readdirSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { kill, pidsOf } from "./kill-loop.fixture.ts";
import { until } from "./life.fixture.ts";
import type { Trial } from "./trial.fixture.ts";

export const RECIPE = `skerry: recipe/1
summary: A shell whose folder changes while it runs
packages: [bash, git, python3, build-essential, ca-certificates, less]
programs:
  shell: /bin/bash
requests:
  docs: { service: folder, why: to be read, need: optional }
volumes: { data: { class: data, inside: /home/app/data } }
`;

/** Something of a change stands written down, and is not done. */
export function isBegun({ home }: Trial): boolean {
  const folder = `${home}/run/compartments`;
  return readdirSync(folder).some((id) => existsSync(`${folder}/${id}/unfinished.json`));
}

/** Applies what stands in the deployment, and kills the agent. @returns whether that came in the middle of the change */
export async function applyKilled(trial: Trial, afterMs: number): Promise<boolean> {
  let over = false;
  const applied = trial.skerry(["apply", "dev-shell"]).finally(() => (over = true));
  await until("its beginning", () => over || isBegun(trial), 60_000);
  await pause(afterMs);
  const inTheMiddle = isBegun(trial);
  for (const pid of pidsOf(trial, "agent", undefined, "")) kill(pid);
  await applied;
  return inTheMiddle;
}
