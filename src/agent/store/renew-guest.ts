/** With an image, the kernel is upgraded that its virtual machines are started with. That it cannot be is said, and no more. */
import { renewGuest } from "../../image/index.ts";
import type { OsBase } from "../../model/index.ts";
import { type AgentContext, imageContext, type Work } from "../context.ts";
import { explain } from "../explain.ts";
import { changeLine } from "./upgrade.ts";

export async function upgradeGuest(base: OsBase, context: AgentContext, work: Work): Promise<void> {
  const renewed = await renewGuest(base, imageContext(context, work));
  const [text, lines] = renewed.ok
    ? [`virtual machines of ${base.name}:`, renewed.value.map(changeLine)]
    : [`the kernel for virtual machines of ${base.name} stays as it is:`, [explain(renewed.problem).text]];
  if (lines.length > 0) work.report({ kind: "note", text: [text, ...lines].join("\n  ") });
}
