/** Says once per host that a default limit cannot be kept here, and remembers that it was said. */
import type { Weaker } from "../backends/index.ts";
import { type AgentContext, QUIET } from "./context.ts";

export async function noteOnce(
  weaker: readonly Weaker[],
  { performer, places }: AgentContext,
): Promise<readonly string[]> {
  const path = `${places.state}/said.json`;
  const said = new Set<string>(JSON.parse((await performer.readText(path)) ?? "[]"));
  const fresh = weaker.filter(({ limit, written }) => !written && !said.has(limit));
  if (fresh.length === 0) return [];
  const content = JSON.stringify([...said, ...fresh.map(({ limit }) => limit)]);
  await performer.perform({ kind: "write-file", path, mode: 0o600, content }, QUIET);
  return fresh.map(({ limit, because }) => `no default limit on ${limit} here (said once): ${because}`);
}
