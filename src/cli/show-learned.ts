/** Show learned: what a run has used, and the smallest answers that would have done, for its owner. */
import type { ProposeLearnedResponseJson } from "../contract/index.ts";
import { print, printJson, say } from "./print.ts";
import type { World } from "./world.ts";

/** Lines of what was tried in vain; the rest is counted. */
const REFUSED_SHOWN = 20;

export function showLearned(
  world: World,
  name: string,
  proposed: ProposeLearnedResponseJson,
  { write, json }: { readonly write: boolean; readonly json: boolean },
): void {
  const { file = "", answers = [], refused = [], live = [] } = proposed;
  if (json) return printJson(world, { name, written: write, file, answers, refused, live });
  say(world, `the smallest answers that would have done for what ${name} did:`);
  for (const { request = "", line = "", same = false, notes = [] } of answers) {
    print(world, line === "" ? `${request}: too little is known; its answer stays as it is` : line);
    for (const note of same ? ["it is answered so already", ...notes] : notes) say(world, `  ${note}`);
  }
  if (refused.length > 0) say(world, "tried, and not let through:");
  for (const line of refused.slice(0, REFUSED_SHOWN)) say(world, `  ${line}`);
  if (refused.length > REFUSED_SHOWN) say(world, `  and ${refused.length - REFUSED_SHOWN} more`);
  for (const line of live) say(world, line);
  const open = answers.filter(({ line = "", same = false }) => line !== "" && !same);
  if (write) say(world, open.length === 0 ? "nothing was written" : `written to ${file}`);
  else if (open.length > 0) say(world, wayOut(name, file, open));
}

function wayOut(name: string, file: string, open: NonNullable<ProposeLearnedResponseJson["answers"]>): string {
  const words = open.map(({ word = "" }) => word);
  const command = `skerry grant ${name} ${words.filter((word) => word !== "").join(" ")}`;
  if (words.every((word) => word !== "")) return `to have it so: ${command}`;
  return `to have it so write these lines below answers: in ${file} (skerry edit ${name}); or run this again with --write`;
}
