/** Asking the agent: what most commands do. Problems are printed here and become an exit code. */
import { AgentClient, type CallProblem } from "../agent/client.ts";
import type { ProgressJson } from "../contract/index.ts";
import { type Result, success } from "../result.ts";
import { EXIT } from "./exit.ts";
import { complain, say } from "./print.ts";
import { createProgress } from "./progress.ts";
import type { World } from "./world.ts";

export function agentOf(world: World): AgentClient {
  return new AgentClient(world.places, world.environment);
}

/** One question. The problem, if there is one, has been printed; what is returned for it is the exit code. */
export async function ask<Answer>(world: World, method: string, question: object): Promise<Result<Answer, Failed>> {
  const answer = await agentOf(world).call<Answer>(method, question, world.signal);
  return answer.ok ? answer : { ok: false, problem: failed(world, answer.problem) };
}

export interface Failed {
  readonly kind: "failed";
  readonly exit: number;
}

/** Prints what the agent refused. */
export function failed(world: World, { code, text }: CallProblem): Failed {
  if (code !== "canceled") complain(world, text);
  return { kind: "failed", exit: EXIT_FOR[code] ?? EXIT.fault };
}

const EXIT_FOR: Readonly<Record<string, number>> = {
  not_found: EXIT.refused,
  failed_precondition: EXIT.refused,
  invalid_argument: EXIT.data,
  unavailable: EXIT.unavailable,
  "nobody-there": EXIT.unavailable,
  resource_exhausted: EXIT.temporary,
  permission_denied: EXIT.noPermission,
  canceled: EXIT.interrupted,
};

interface WorkAnswer {
  readonly progress?: ProgressJson;
}

/** Long work: shows its progress, and returns the last answer, which is the one without progress. */
export async function follow<Answer extends WorkAnswer>(
  world: World,
  method: string,
  question: object,
  quiet: boolean,
): Promise<Result<Answer, Failed>> {
  const progress = createProgress(world, { quiet });
  const answers = agentOf(world).stream<Answer>(method, question, world.signal);
  let last: Answer | undefined;
  let label = "";
  for (;;) {
    const next = await answers.next();
    if (next.done === true) {
      progress.end();
      if (!next.value.ok) return { ok: false, problem: failed(world, next.value.problem) };
      break;
    }
    const event = next.value.progress;
    if (event === undefined) {
      last = next.value;
      continue;
    }
    const { kind, text = "", done = 0, total = 0 } = event;
    if (kind === "KIND_NOTE") {
      progress.end();
      if (!quiet) say(world, text);
      label = "";
      continue;
    }
    const amount =
      kind === "KIND_PHASE"
        ? undefined
        : ({ total: Number(total), unit: kind === "KIND_BYTES" ? "bytes" : "steps" } as const);
    // Steps of a build change their words at each one; the bar stays.
    const name = kind === "KIND_STEPS" && method !== "Changes" ? "installing" : text;
    if (name !== label) progress.begin(name, amount);
    label = name;
    if (amount !== undefined) progress.advance(Number(done));
  }
  if (last === undefined) throw new Error(`${method} ended without an answer`);
  return success(last);
}
