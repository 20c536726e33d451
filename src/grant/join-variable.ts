/**
 * A variable as a request: what each answer sets it to. Pure.
 *
 * `deny` leaves it out, `empty` sets it to nothing, `fake` to a value of the owner's, `real` to what it is in the owner's
 * session. For secrets there is a better way: what a variable holds can be read by other programs of the same user.
 */
import type { Contribution, Grant, Request } from "../model/index.ts";
import { type Result, refusal, success } from "../result.ts";

/** Longer values are no single variable (execve(2)); ours is far less. */
const MAX_VALUE = 32_000;

export interface VariableGets {
  readonly gets: string;
  readonly contributions: readonly Contribution[];
}

export type VariableProblem =
  | {
      readonly kind: "option-missing";
      readonly deployment: string;
      readonly request: string;
      readonly option: string;
      readonly line: string;
    }
  /** Granted as it is in the session, and the session has none, or one that cannot be passed. */
  | {
      readonly kind: "variable-not-set";
      readonly deployment: string;
      readonly request: string;
      readonly variable: string;
      readonly because: "absent" | "too-long";
    };

/** @param session - the owner's session, as far as it was asked for */
export function joinVariable(
  request: string,
  { variable: name = "" }: Request,
  { answer, value }: Pick<Grant, "answer" | "value">,
  deployment: string,
  session: ReadonlyMap<string, string>,
): Result<VariableGets, VariableProblem> {
  const set = (text: string, gets: string) =>
    success({ gets, contributions: [{ kind: "variable", name, value: text } as const] });
  if (answer === "empty") return set("", `${name}, set to nothing`);
  if (answer === "fake") {
    if (value !== undefined) return set(value, `${name}, set to a value of yours`);
    const line = `${request}: { answer: fake, value: TEXT }`;
    return refusal({ kind: "option-missing", deployment, request, option: "value", line });
  }
  const own = session.get(name);
  if (own === undefined)
    return refusal({ kind: "variable-not-set", deployment, request, variable: name, because: "absent" });
  if (own.length > MAX_VALUE)
    return refusal({ kind: "variable-not-set", deployment, request, variable: name, because: "too-long" });
  return set(own, `${name}, as it is in your session`);
}
