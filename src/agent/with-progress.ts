/** Turns work that reports into a stream of its reports, with the result at the end. A slow reader misses some. */
import type { Progress } from "../step/index.ts";
import type { Work } from "./context.ts";

export type WorkEvent<Value> =
  | { readonly kind: "progress"; readonly progress: Progress }
  | { readonly kind: "result"; readonly result: Value };

/** Reports that wait for a slow reader; amounts are only worth their newest. */
const WAITING_LIMIT = 64;

export async function* withProgress<Value>(
  work: (work: Work) => Promise<Value>,
  signal: AbortSignal,
): AsyncGenerator<WorkEvent<Value>> {
  const waiting: Progress[] = [];
  let wake: (() => void) | undefined;
  const report = (event: Progress) => {
    const last = waiting.at(-1);
    if (event.kind === "amount" && last?.kind === "amount" && last.text === event.text) waiting.pop();
    if (waiting.length < WAITING_LIMIT) waiting.push(event);
    wake?.();
  };
  let done = false;
  const result = work({ signal, report }).finally(() => {
    done = true;
    wake?.();
  });
  // Looked at below; until then a failure must not count as unheard.
  result.catch(() => {});
  while (!done || waiting.length > 0) {
    const event = waiting.shift();
    if (event !== undefined) yield { kind: "progress", progress: event };
    else {
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (done || waiting.length > 0) resolve();
      });
    }
  }
  yield { kind: "result", result: await result };
}
