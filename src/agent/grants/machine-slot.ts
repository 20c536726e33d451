/**
 * Machine slot: one folder's place in a virtual machine that runs, by a word to the machine's own control end.
 *
 * The host's side is what counts, and is the same as for a container (live-folders.ts): what is taken away there is gone
 * for the machine, and who still has a file of it open is the VMM. The machine is asked first, so that its app can let go
 * of it by itself, and is not believed.
 */
import { BACKENDS, type SlotChange } from "../../backends/index.ts";
import { runInMachine } from "../../host/index.ts";
import { type Result, refusal, success } from "../../result.ts";
import type { Start } from "../start-record.ts";

interface NotChanged {
  readonly kind: "not-changed";
  readonly because: string;
}

/** It ends processes, and looks for more of them. An emulated machine is slow. */
const LIMIT_MS = 60_000;

/** Whether what is shown of a request can be another one while the machine runs. */
export function hasPlace({ record }: Start, request: string): boolean {
  return wordsFor(record, request, "show") !== undefined;
}

/** @returns how many processes in the machine had something of what was there; nothing that counts with `show` */
export async function changeInMachine(
  { child, record, state }: Start,
  request: string,
  change: SlotChange,
): Promise<Result<number, NotChanged>> {
  const words = wordsFor(record, request, change);
  if (child === undefined || words === undefined) return notChanged("it has no place for a folder");
  if (state === "frozen") return notChanged("the machine stands still (skerry thaw)");
  const done = await runInMachine(child, words, LIMIT_MS);
  if (!done.ok) return notChanged(`the machine has not done it: ${done.problem.because}`);
  const count = /^(\d{1,6})\n$/.exec(done.value)?.[1];
  return change === "show" || count !== undefined
    ? success(Number(count ?? 0))
    : notChanged("the machine says nothing");
}

function wordsFor({ isolation, spec }: Start["record"], request: string, change: SlotChange) {
  return BACKENDS[isolation]?.slot?.(spec, request, change);
}

function notChanged(because: string): Result<never, NotChanged> {
  return refusal({ kind: "not-changed", because });
}
