/** Machine picture: what prints a picture of the screen of a system of its own. Its screen is a part of its machine. */
import { type Result, refusal, success } from "../../result.ts";
import type { Argv } from "../../step/index.ts";
import type { Agent } from "../agent.ts";
import type { AgentProblem } from "../explain.ts";

/** @returns undefined where it is no such system that has a screen */
export async function machinePicture(
  { compartments, context }: Pick<Agent, "compartments" | "context">,
  name: string,
): Promise<Result<Argv | undefined, AgentProblem>> {
  const standing = await compartments.standing(name);
  if (!standing.ok) return standing;
  const { wall, start } = standing.value;
  const { system, contributions, id } = wall.spec;
  if (system === undefined || !contributions.some(({ kind }) => kind === "display")) return success(undefined);
  if (start.state === "frozen") return refusal({ kind: "is-frozen", name });
  const program = `${context.places.program}/src/host/channel/picture.ts`;
  await context.audit.append({ kind: "exec", instance: name, id, command: ["(a picture of its screen)"] });
  const of = [String(wall.childPid), wall.startTicks];
  return success([process.execPath, "--disable-warning=ExperimentalWarning", program, ...of]);
}
