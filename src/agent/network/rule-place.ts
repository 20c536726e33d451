/** Rule place: where a rule of a network is written, for records: `deployments/web.yaml:7`. */
import { keyLines } from "../../descriptor/index.ts";
import type { NetworkRule } from "../../model/index.ts";
import { findDeployment } from "../catalogue.ts";
import type { AgentContext } from "../context.ts";
import { remembered } from "../remembered.ts";

const linesOf = remembered((text: string, file: string) => keyLines(text, file));

/** @returns undefined for a rule that the file does not have as it holds: said for one start, or for a time, or edited since */
export async function placeOf(
  rule: NetworkRule,
  instance: string,
  context: Pick<AgentContext, "places" | "performer" | "home">,
): Promise<string | undefined> {
  const found = await findDeployment(instance, context);
  if (!found.ok) return undefined;
  const wanted = JSON.stringify(rule);
  for (const [request, { rules = [] }] of Object.entries(found.value.thing.answers)) {
    const index = rules.findIndex((one) => JSON.stringify(one) === wanted);
    if (index < 0) continue;
    const file = `deployments/${instance}.yaml`;
    const line = linesOf(found.value.text, file)(["answers", request, "allow", index]);
    return `${file}:${line ?? "?"}`;
  }
  return undefined;
}
