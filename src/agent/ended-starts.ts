/** Ended starts: the records that an agent keeps of them, read by the next one. What is no whole record is none. */
import type { Start } from "./start-record.ts";
import { type AgentContext, QUIET } from "./context.ts";

/**
 * Takes away what an agent has left that was killed while it wrote.
 *
 * @param most - so many of the newest
 * @returns by id, oldest first
 */
export async function readEnded(
  folder: string,
  most: number,
  { performer }: Pick<AgentContext, "performer">,
): Promise<ReadonlyMap<string, Start>> {
  const names = await performer.list(folder);
  for (const name of names.filter((each) => !each.endsWith(".json")))
    await performer.perform({ kind: "remove-tree", path: `${folder}/${name}` }, QUIET);
  const found = new Map<string, Start>();
  for (const name of names.filter((each) => each.endsWith(".json")).slice(-most)) {
    const start = parsed((await performer.readText(`${folder}/${name}`)) ?? "");
    if (start !== undefined) found.set(name.replace(/^\d+-/, "").replace(/\.json$/, ""), start);
  }
  return found;
}

function parsed(text: string): Start | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
