/**
 * Tree program: does one tree task in the namespaces that it was started in. A program of its own (see run-tree.ts).
 *
 * The task comes as JSON on standard input; amounts and the answer go as JSON lines to standard output.
 */
import { readFileSync } from "node:fs";
import type { Sealed, TreeTask } from "../../step/index.ts";
import { unreachable } from "../../result.ts";
import { diffTrees } from "./diff.ts";
import { linkTree } from "./link.ts";
import { measure } from "./measure.ts";
import { BadTar } from "./read-tar.ts";
import { exportTree, seal, type Tell, verify } from "./seal.ts";
import type { TreeEvent } from "./tree-events.ts";
import { unpack } from "./unpack.ts";

/** The descriptor that a task is handed, where it is. */
const HANDED = 3;

function say(event: TreeEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

async function act(task: TreeTask): Promise<unknown> {
  const tell = (bytes: number) => say({ kind: "amount", bytes });
  switch (task.kind) {
    case "seal":
      return await sealAndLink(task, tell);
    case "verify":
      return await verify(task.tree, task.files, tell);
    case "export":
      return await exportTree(task.tree, HANDED, tell);
    case "unpack":
      return await unpack(task, HANDED, tell);
    case "diff":
      return diffTrees(task.left, task.right);
    case "measure":
      return await measure(task.groups);
    default:
      return unreachable(task);
  }
}

/** What is refused gets no name, and so shares nothing. */
async function sealAndLink(task: Extract<TreeTask, { kind: "seal" }>, tell: Tell): Promise<Sealed> {
  const sealed = await seal(task.tree, task.files, tell);
  if (sealed.refused.length === 0) linkTree(task, task.candidates);
  return sealed;
}

async function main(): Promise<void> {
  try {
    const task: TreeTask = JSON.parse(readFileSync(0, "utf8"));
    say({ kind: "done", answer: await act(task) });
  } catch (error) {
    const isSystems = error instanceof Error && "code" in error && typeof error.code === "string";
    if (!(error instanceof BadTar) && !isSystems) throw error;
    say({ kind: "failed", because: error.message });
    process.exitCode = 1;
  }
}

void main();
