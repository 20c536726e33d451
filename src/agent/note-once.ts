/** Says once what stays so: that a default limit cannot be kept on this host, that a base ages. Remembers what was said. */
import type { Weaker } from "../backends/index.ts";
import { type AgentContext, QUIET } from "./context.ts";

/** Keys and texts that are remembered; beyond that the oldest are said again. */
const MOST = 500;

export async function noteOnce(weaker: readonly Weaker[], context: AgentContext): Promise<readonly string[]> {
  const notes = weaker
    .filter(({ written }) => !written)
    .map(({ limit, because }) => [limit, `no default limit on ${limit} here (said once): ${because}`] as const);
  return await sayOnce(new Map(notes), context);
}

/** @param notes - by key; one whose key was said before is left out */
export async function sayOnce(
  notes: ReadonlyMap<string, string>,
  { performer, places }: AgentContext,
): Promise<readonly string[]> {
  if (notes.size === 0) return [];
  const path = `${places.state}/said.json`;
  const said = new Set<string>(JSON.parse((await performer.readText(path)) ?? "[]"));
  const fresh = [...notes].filter(([key]) => !said.has(key));
  if (fresh.length === 0) return [];
  const content = JSON.stringify([...said, ...fresh.map(([key]) => key)].slice(-MOST));
  await performer.perform({ kind: "write-file", path, mode: 0o600, content }, QUIET);
  return fresh.map(([, text]) => text);
}
