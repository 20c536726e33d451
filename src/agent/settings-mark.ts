/**
 * Settings mark: what the owner's files said that an agent reads once, when it starts. An agent that was started from
 * others is stale: the client ends it and starts the next one, and compartments run on.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Places } from "../model/index.ts";

const FILES = ["facts.yaml", "mirrors.yaml", "settings.yaml"] as const;

export function settingsMark({ config }: Places): string {
  const hash = createHash("sha256");
  for (const file of FILES) hash.update(`${file}\0${textOf(`${config}/${file}`) ?? ""}\0`);
  return hash.digest("hex");
}

/** One that cannot be read says nothing here; the agent that starts says why. */
function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
