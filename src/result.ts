/**
 * Result: an answer or a problem, as a value.
 *
 * A problem is something a caller can meet on a good day: a package that is not in the archive, a grant the owner did
 * not give, a host without a compiler. It is returned. A fault is a bug of ours: it is thrown, and only the edge of a
 * program catches it (cli/main.ts, agent/routes.ts).
 */

/** What every problem has: a kind to switch on, and beside it the facts. Prose is made at the edge. */
export interface Problem {
  readonly kind: string;
}

export type Success<Value> = { readonly ok: true; readonly value: Value };
export type Refusal<P extends Problem> = { readonly ok: false; readonly problem: P };
export type Result<Value, P extends Problem> = Success<Value> | Refusal<P>;

export function success<Value>(value: Value): Success<Value> {
  return { ok: true, value };
}

export function refusal<const P extends Problem>(problem: P): Refusal<P> {
  return { ok: false, problem };
}

/** Marks a branch that the types rule out. To reach it is a fault. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
