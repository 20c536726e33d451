/** Show answers: what has changed in a deployment, for its owner. */
import type { ChangeAnswersResponseJson } from "../contract/index.ts";
import { print, printJson, warn } from "./print.ts";
import type { World } from "./world.ts";

export function showAnswers(world: World, name: string, answer: ChangeAnswersResponseJson, json: boolean): void {
  const { file = "", changed = [], live = [] } = answer;
  if (json) return printJson(world, { name, file, changed, live });
  if (changed.length === 0) print(world, `nothing was changed: ${name} is answered so already`);
  for (const { request, gets } of changed) print(world, `${name} ${request}: ${gets}`);
  for (const warning of changed.flatMap(({ warnings = [] }) => warnings)) warn(world, warning);
  for (const line of live) print(world, line);
}
