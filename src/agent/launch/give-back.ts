/**
 * Give back: what a start took from the host, such as a card, is the host's again after its end.
 *
 * Invariant: what the host did not get back is said, to the owner at the end and in the agent's own log.
 */
import { escapeText } from "../../model/index.ts";
import type { Performer, Step } from "../../step/index.ts";
import { QUIET } from "../context.ts";

/** Steps that are done already do nothing. @returns a line for each that failed */
export async function giveBack(
  { undo = [], spec: { name } }: { readonly undo?: readonly Step[]; readonly spec: { readonly name: string } },
  performer: Pick<Performer, "perform">,
): Promise<readonly string[]> {
  const notes: string[] = [];
  for (const step of undo) {
    const given = await performer.perform(step, QUIET);
    if (given.ok) continue;
    const { problem } = given;
    const because = problem.kind === "step-failed" ? `: ${problem.step}: ${problem.because}` : ` (${problem.kind})`;
    notes.push(escapeText(`the host has not got back all that it gave${because}`));
    process.stderr.write(`${name}: ${notes.at(-1)}\n`);
  }
  return notes;
}
