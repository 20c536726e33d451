/** Deployments with services' keys set, as an owner would write them. */
import { readFileSync, writeFileSync } from "node:fs";
import { done } from "./life.fixture.ts";
import type { Trial } from "./trial.fixture.ts";

type ServiceKeys = Partial<Record<"autostart" | "restart" | "ready" | "links", string>>;

/** Deploys the recipe under the name, with these values for the keys. */
export async function deployed(trial: Trial, recipe: string, name: string, keys: ServiceKeys): Promise<void> {
  await done(trial, ["deploy", recipe, "--as", name]);
  rewritten(trial, name, keys);
}

export function rewritten(trial: Trial, name: string, keys: ServiceKeys): void {
  const file = `${trial.home}/config/deployments/${name}.yaml`;
  let text = readFileSync(file, "utf8");
  for (const [key, value] of Object.entries(keys)) {
    text = text.replace(new RegExp(`^(# )?${key}: .*$`, "m"), `${key}: ${value}`);
  }
  writeFileSync(file, text);
}

/** The folder of an instance's volume `data`, as the host sees it: `/home/app/data` inside. */
export function dataOf(trial: Trial, name: string): string {
  return `${trial.home}/data/volumes/${name}/data`;
}
