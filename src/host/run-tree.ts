/**
 * Starts the tree program (tree/main.ts) in namespaces that hold the user's ids, and hears what it says.
 *
 * Only there do a layer's files have the owners that they were given, and only there can all of them be read.
 */
import type { HostFacts } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";
import type { StepProblem, TreeTask, Watch } from "../step/index.ts";
import { ownProgram } from "./own-program.ts";
import { namespaceEntrance } from "./run-inside.ts";
import { runProgram } from "./run-program.ts";
import type { TreeEvent } from "./tree/tree-events.ts";

/**
 * @param descriptor - handed to the program, for what it must not reach by name
 * @returns the answer as JSON
 */
export async function runTree(
  facts: HostFacts,
  why: string,
  task: TreeTask,
  { signal, report }: Watch,
  descriptor?: number,
): Promise<Result<string, StepProblem>> {
  const entrance = namespaceEntrance(facts);
  if (!entrance.ok)
    return entrance.problem.kind === "inside-failed"
      ? refusal({ kind: "step-failed", step: why, because: entrance.problem.because })
      : { ok: false, problem: entrance.problem };
  let answer: string | undefined;
  let failed: string | undefined;
  let rest = "";
  const hear = (line: string) => {
    const event: TreeEvent = JSON.parse(line);
    if (event.kind === "amount") report({ kind: "amount", text: why, done: event.bytes, total: 0, unit: "bytes" });
    if (event.kind === "done") answer = JSON.stringify(event.answer);
    if (event.kind === "failed") failed = event.because;
  };
  const end = await runProgram(
    [...entrance.value, process.execPath, "--disable-warning=ExperimentalWarning", ownProgram("host/tree/main")],
    {
      input: JSON.stringify(task),
      ...(descriptor === undefined ? {} : { descriptor }),
      signal,
      maxOutputBytes: 64 * 1024 * 1024,
      onOutput: (stream, text) => {
        if (stream !== "stdout") return;
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) hear(line);
      },
    },
  );
  if (!end.ok && end.problem.kind === "interrupted") return refusal({ kind: "interrupted" });
  if (failed !== undefined && /ENOSPC|EDQUOT|No space left on device/.test(failed))
    return refusal({ kind: "no-space", path: why });
  if (failed !== undefined) return refusal({ kind: "step-failed", step: why, because: failed });
  if (answer !== undefined) return success(answer);
  const because = end.ok ? end.value.stderr.slice(-2000) : end.problem.kind;
  return refusal({ kind: "step-failed", step: why, because });
}
