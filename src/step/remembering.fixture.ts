/** A performer for tests: does nothing, remembers every step, and answers as it was told to. */
import { type Result, success } from "../result.ts";
import type { Performed, Performer, StepProblem } from "./performer.ts";
import type { Step } from "./step.ts";

export interface Remembering extends Performer {
  readonly steps: readonly Step[];
  /** What `readText` finds; files that steps write are there as well. */
  readonly files: Map<string, string>;
}

export type Reaction = (step: Step) => Result<Partial<Performed>, StepProblem> | undefined;

/** @param react - answers a step; undefined lets it succeed with nothing to tell */
export function rememberingPerformer(react: Reaction = () => undefined): Remembering {
  const steps: Step[] = [];
  const files = new Map<string, string>();
  return {
    steps,
    files,
    perform: async (step) => {
      steps.push(step);
      const answer = react(step);
      if (answer !== undefined && !answer.ok) return answer;
      if (step.kind === "write-file") files.set(step.path, step.content.toString());
      if (step.kind === "rename") move(files, step.from, step.to);
      return success({ output: "", captured: {}, from: undefined, ...answer?.value });
    },
    readText: async (path) => files.get(path),
    list: async (folder) =>
      [...files.keys()]
        .filter((path) => path.startsWith(`${folder}/`))
        .map((path) => path.slice(folder.length + 1).split("/")[0] ?? "")
        .toSorted(),
  };
}

function move(files: Map<string, string>, from: string, to: string): void {
  for (const [path, text] of files) {
    if (path !== from && !path.startsWith(`${from}/`)) continue;
    files.delete(path);
    files.set(to + path.slice(from.length), text);
  }
}
