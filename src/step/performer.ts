/**
 * Performer: who does steps and reads what a decision needs to know. host/ is the real one.
 *
 * Rooms that lead through several steps (image/, compartment/) are handed one, and so can be tried without a host.
 */
import type { Result } from "../result.ts";
import type { Step } from "./step.ts";

export interface Performer {
  /** Does one step. A step that is done already succeeds again. */
  perform(step: Step, watch: Watch): Promise<Result<Performed, StepProblem>>;
  /** The text of a file, or undefined where there is none. At most 16 MiB. */
  readText(path: string): Promise<string | undefined>;
  /** Names in a folder, sorted; none where there is no folder. */
  list(path: string): Promise<readonly string[]>;
}

export interface Watch {
  readonly signal: AbortSignal;
  readonly report: (event: Progress) => void;
}

/** The same, for what has to come to its end once it is begun, also when nobody waits for it any more. */
export function toTheEnd<Some extends Watch>(watch: Some): Some {
  return { ...watch, signal: new AbortController().signal };
}

/** Long work as it goes on. */
export type Progress =
  | { readonly kind: "phase"; readonly text: string }
  /** Of all that is to come in this phase, in bytes or in pieces. */
  | {
      readonly kind: "amount";
      readonly text: string;
      readonly done: number;
      readonly total: number;
      readonly unit: "bytes" | "steps";
    }
  | { readonly kind: "note"; readonly text: string };

export interface Performed {
  /** What a program of the step printed, where the step asks for it. */
  readonly output: string;
  /** What `run-inside` captured, by name. */
  readonly captured: Readonly<Record<string, string>>;
  /** With `fetch`: the address that had the file; undefined when it was in the store already. */
  readonly from: string | undefined;
}

export type StepProblem =
  | { readonly kind: "step-failed"; readonly step: string; readonly because: string }
  | { readonly kind: "fetch-failed"; readonly tried: readonly { readonly uri: string; readonly because: string }[] }
  /** What it is and why it cannot be had, without a word of what it says. */
  | {
      readonly kind: "secret-unavailable";
      readonly name: string;
      readonly from: string;
      readonly because: string;
    }
  | { readonly kind: "no-space"; readonly path: string }
  | { readonly kind: "host-lacks"; readonly what: string; readonly fix: string }
  | { readonly kind: "interrupted" };
